use super::super::stream::{looks_like_dns, messages};
use super::*;

fn framed(message: &[u8]) -> Vec<u8> {
    [(message.len() as u16).to_be_bytes().to_vec(), message.to_vec()].concat()
}

/// Id and completeness of each message found.
fn found(segment: &[u8]) -> Vec<(u16, bool)> {
    messages(segment).map(|framed| (parsed(framed.bytes).0.header().id, framed.complete)).collect()
}

#[test]
fn whole_messages_in_a_row() {
    let (first, second) = (hex(VECTORS[0]), hex(VECTORS[18]));
    let stream = [framed(&first), framed(&second)].concat();
    assert_eq!(stream[..2], [0x00, 0x1d]);
    assert_eq!(stream[31..33], [0x00, 0x1f]);
    assert_eq!(found(&stream), [(0x1234, true), (0x0010, true)]);
    let payloads: Vec<&[u8]> = messages(&stream).map(|framed| framed.bytes).collect();
    assert_eq!(payloads, [&first[..], &second[..]]);
}

#[test]
fn a_message_that_goes_on_in_the_next_segment() {
    let message = hex(VECTORS[2]);
    let stream = framed(&message);
    for cut in 0..stream.len() {
        let expected: &[(u16, bool)] = if cut < 14 { &[] } else { &[(0xbeef, false)] };
        assert_eq!(found(&stream[..cut]), expected, "{cut} octets");
        assert!(messages(&stream[..cut]).all(|framed| framed.length == message.len()));
    }
    // The same behind a whole one.
    let before = framed(&hex(VECTORS[0]));
    for cut in 0..stream.len() {
        let segment = [&before[..], &stream[..cut]].concat();
        let expected: &[(u16, bool)] =
            if cut < 14 { &[(0x1234, true)] } else { &[(0x1234, true), (0xbeef, false)] };
        assert_eq!(found(&segment), expected, "{cut} octets");
    }
}

#[test]
fn a_segment_that_starts_inside_a_message() {
    // A zone transfer: names, addresses and text, cut at every octet.
    let mut transfer = hex("4242 8400 0001 0040 0000 0000 076578616d706c6503636f6d00 00fc 0001");
    for number in 0..32u8 {
        transfer.extend(hex("03777777c00c 0001 0001 00000e10 0004 0a0000"));
        transfer.push(number);
        transfer.extend(hex("c00c 0010 0001 0000012c 0010 0f763d73706631206d78202d616c6c20"));
    }
    let (message, outcome) = parsed(&transfer);
    assert_eq!((outcome, message.answers().len()), (Outcome::Whole, 64));
    let stream = framed(&transfer);
    for start in 1..stream.len() {
        // From the third octet on the message stands there without its length.
        let expected: &[(u16, bool)] = if start == 2 { &[(0x4242, true)] } else { &[] };
        assert_eq!(found(&stream[start..]), expected, "from octet {start}");
    }
    assert_eq!(found(&stream), [(0x4242, true)]);
}

#[test]
fn the_length_alone() {
    let stream = framed(&hex(VECTORS[1]));
    assert_eq!(found(&stream[..2]), []);
    assert_eq!(found(&stream[2..]), [(0x1234, true)]);
    assert_eq!(found(&stream[2..stream.len() - 1]), []);
}

#[test]
fn a_malformed_message_that_its_length_fits() {
    // The pointer to itself: the lengths leave no doubt where it begins and ends.
    let stream = framed(&hex(VECTORS[7]));
    assert_eq!(found(&stream), [(5, true)]);
    assert_eq!(found(&stream[..stream.len() - 1]), []);
    assert_eq!(found(&[framed(&hex(VECTORS[0])), stream].concat()), [(0x1234, true), (5, true)]);
}

#[test]
fn what_is_no_dns() {
    let mut random = Random(0xdead_beef_cafe_f00d);
    let mut believed = 0;
    for _ in 0..20_000 {
        let segment: Vec<u8> = (0..20 + random.below(1440)).map(|_| random.next() as u8).collect();
        believed += messages(&segment).count();
    }
    assert!(believed <= 2, "{believed} of 20,000 random segments");
    for text in [
        "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
        "220 mail.example.com ESMTP Postfix\r\n",
    ] {
        assert_eq!(messages(text.as_bytes()).count(), 0, "{text}");
        assert!(!looks_like_dns(text.as_bytes(), text.len()));
    }
    for zeros in [0, 1, 2, 12, 14, 100, 1460] {
        assert_eq!(messages(&vec![0; zeros]).count(), 0, "{zeros} zeros");
        assert_eq!(messages(&vec![0xff; zeros]).count(), 0, "{zeros} times 255");
    }
}

#[test]
fn plausible_messages() {
    // All vectors but those of malformed names, one short of a header and one of lying counts.
    for (index, vector) in VECTORS.iter().enumerate() {
        let expected = ![7, 8, 19, 20, 21, 22].contains(&index);
        assert_eq!(looks_like_dns(&hex(vector), 0), expected, "vector {}", index + 1);
    }
    for (payload, expected) in [
        // Refused without a question; keepalive of a stateful session (RFC 8490).
        ("0001 8005 0000 0000 0000 0000", true),
        ("0000 3000 0000 0000 0000 0000", true),
        // Nothing asked; opcode 7; Z; a query with a response code; class 5.
        ("0001 0000 0000 0000 0000 0000", false),
        ("0001 3800 0001 0000 0000 0000 00 0001 0001", false),
        ("0001 0040 0001 0000 0000 0000 00 0001 0001", false),
        ("0001 0003 0001 0000 0000 0000 00 0001 0001", false),
        ("0001 0000 0001 0000 0000 0000 00 0001 0005", false),
        ("0001 0000 0001 0000 0000 0000 00 0001 00ff", true),
        // Names that are not all there.
        ("0001 0000 0001 0000 0000 0000 05 61626364", false),
        ("0001 0000 0001 0000 0000 0000 03 616263 00", false),
    ] {
        assert_eq!(looks_like_dns(&hex(payload), 0), expected, "{payload}");
    }
}

#[test]
fn frames_too_short_for_a_message_hide_nothing() {
    let message = asking(7, 0x0100, "b.com", 1);
    for short in [&b""[..], b"abcde"] {
        for segment in [
            [framed(short), framed(&message)].concat(),
            [framed(&message), framed(short), framed(&message)].concat(),
            [framed(&message), framed(short)].concat(),
        ] {
            let mut found = messages(&segment);
            let count = found.by_ref().inspect(|one| assert_eq!(one.bytes, message)).count();
            assert_eq!(count, segment.len() / (message.len() + 2), "{short:?}");
            assert_eq!(found.too_short(), 1, "{short:?}");
        }
    }
}
