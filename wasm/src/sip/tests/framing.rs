use super::super::framing::{Framed, Framer, MOST_LINE, frame};
use super::super::message::{MOST_HEAD, Message};
use super::shown;

/// The messages of a stream that arrives in parts of `size` bytes; `+TLS` at the end where it says so.
fn messages(stream: &[u8], size: usize) -> Vec<String> {
    let (mut framer, mut start, mut all) = (Framer::default(), 0, Vec::new());
    for end in (size..stream.len() + size).step_by(size) {
        let end = end.min(stream.len());
        loop {
            let bytes = &stream[start..end];
            let framed = framer.next(bytes);
            // What it remembers changes nothing.
            assert_eq!(framed, frame(bytes));
            match framed {
                Framed::Whole(length) => all.push(shown(&bytes[..length])),
                Framed::KeepAlive(_) | Framed::Not(_) => {}
                Framed::Begun => break,
                Framed::Tls => {
                    all.push("+TLS".to_owned());
                    return all;
                }
            }
            let (Framed::Whole(length) | Framed::KeepAlive(length) | Framed::Not(length)) = framed else {
                break;
            };
            assert!((1..=bytes.len()).contains(&length));
            start += length;
        }
        // No more is kept than a message that may still become whole.
        assert!(end - start <= MOST_HEAD + (1 << 20));
    }
    all
}

/// What is in a stream, in parts of any size.
fn check(stream: &[u8], expected: &[&[u8]]) {
    let expected: Vec<String> = expected.iter().map(|text| shown(text)).collect();
    for size in (1..40).chain([stream.len() / 2 + 1, stream.len().max(1)]) {
        assert_eq!(messages(stream, size), expected, "in parts of {size}");
    }
}

#[test]
fn streams() {
    let bye = &b"BYE sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n"[..];
    let options = &b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"[..];
    check(&[b"\r\n\r\n", options, bye].concat(), &[options, bye]);
    let invite = &b"INVITE sip:a SIP/2.0\r\nl: 5\r\n\r\nabcde"[..];
    check(&[invite, bye].concat(), &[invite, bye]);
    let spaced = &b"INVITE sip:a SIP/2.0\r\nContent-Length :\r\n 5\r\n\r\nabcde"[..];
    check(&[spaced, bye, b"\r\n"].concat(), &[spaced, bye]);
    let folded = &b"INVITE sip:a SIP/2.0\nX: a\n \n\t\r\n b\nl:\n \n 3\n\na\nb"[..];
    check(&[folded, bye, folded].concat(), &[folded, bye, folded]);
    check(&[b"ody: x\r\nfoo\r\n\r\n", bye].concat(), &[bye]);
    // After a gap, also without an empty line before.
    check(&[b"a=rtpmap:0 PCMU/8000\r\n", bye].concat(), &[bye]);
    let lines = &b"SIP/2.0 200 OK\nl:1\n\n\n"[..];
    check(&[lines, lines, bye].concat(), &[lines, lines, bye]);
    // The head of a message whose length makes no sense; what follows is looked through.
    let negative = &b"INVITE sip:a SIP/2.0\r\nContent-Length: -9\r\n\r\n"[..];
    check(&[negative, b"v=0\r\ns=x\r\n", bye].concat(), &[negative, bye]);
    let large = &b"INVITE sip:a SIP/2.0\r\nContent-Length: 1048577\r\n\r\n"[..];
    check(&[large, bye].concat(), &[large, bye]);
    check(&[&b"OPTIONS sip:a SIP/7.0\r\nl: 0\r\n\r\n"[..], bye].concat(), &[bye]);
    // The first one counts, also for who reads the message.
    let two = &b"INVITE sip:a SIP/2.0\r\ni: 1\r\nContent-Length: 2\r\nl: 0\r\n\r\nab"[..];
    check(&[two, bye].concat(), &[two, bye]);
    assert_eq!(Message::parse(two).unwrap().body(), b"ab");
}

#[test]
fn tls_is_told_at_its_first_record() {
    check(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[b"+TLS"]);
    check(b"\r\n\x17\x03\x03\x40\x11", &[b"+TLS"]);
    assert_eq!(frame(&[22, 3, 1, 2, 0].repeat(14_000)), Framed::Tls);
    // No record is longer.
    check(b"\x17\x03\x03\xff\xff\nBYE sip:a SIP/2.0\n\n", &[b"BYE sip:a SIP/2.0\n\n"]);
}

#[test]
fn limits() {
    let bye = &b"BYE sip:a SIP/2.0\r\n\r\n"[..];
    let line = |length: usize| {
        let mut line = b"X: ".to_vec();
        line.resize(length - 2, b'x');
        [&line[..], b"\r\n"].concat()
    };
    let invite = |fields: &[u8]| [b"INVITE sip:a SIP/2.0\r\n", fields, b"\r\n"].concat();
    let whole = invite(&line(MOST_LINE));
    check(&[&whole, bye].concat(), &[&whole, bye]);
    check(&[&invite(&line(MOST_LINE + 1)), bye].concat(), &[bye]);
    check(&[&invite(&line(5000)), bye].concat(), &[bye]);
    let folded = invite(&[line(3000), b" ".to_vec(), line(3000)].concat());
    check(&[&folded, bye].concat(), &[&folded, bye]);
    check(&[&invite(&[line(9), b"\t".to_vec(), line(MOST_LINE)].concat()), bye].concat(), &[bye]);
    // Without a line end.
    check(&[vec![b'x'; MOST_LINE].as_slice(), bye].concat(), &[bye]);
    assert_eq!(frame(&vec![b'x'; MOST_LINE - 1]), Framed::Begun);
    assert_eq!(frame(&vec![b'x'; MOST_LINE]), Framed::Not(MOST_LINE));
    // Heads.
    let fields = line(1000).repeat(65);
    let long = invite(&[fields.as_slice(), &line(MOST_HEAD - 22 - 65_000 - 2)].concat());
    let too_long = invite(&[fields.as_slice(), &line(MOST_HEAD - 22 - 65_000 - 1)].concat());
    assert_eq!((long.len(), too_long.len()), (MOST_HEAD, MOST_HEAD + 1));
    for size in [700, 65_535, 100_000] {
        assert_eq!(messages(&[&long, bye].concat(), size).len(), 2);
        assert_eq!(messages(&[&too_long, bye].concat(), size), [shown(bye)]);
    }
}

/// What a stream of bytes that mean something in different places holds is the same however it is cut.
#[test]
fn messages_are_the_same_however_a_stream_is_cut() {
    const WORDS: [&[u8]; 14] = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"BYE sip:a SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"l: 3\r\n",
        b"Content-Length:\r\n 12\r\n",
        b"x",
        b"\x16\x03",
        b"l:-1\n",
        b"\r\n\r\n",
    ];
    let mut state = 1u64;
    for _ in 0..300 {
        let mut stream = Vec::new();
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            stream.extend_from_slice(WORDS[(state >> 33) as usize % WORDS.len()]);
        }
        let whole = messages(&stream, stream.len());
        for size in [1, 2, 3, 7, 50] {
            assert_eq!(messages(&stream, size), whole, "{} in parts of {size}", shown(&stream));
        }
    }
}
