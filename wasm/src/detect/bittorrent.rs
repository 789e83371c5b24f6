//! BitTorrent: peers over TCP (BEP 3), the distributed hash table (BEP 5), local service discovery (BEP 14), UDP trackers
//! (BEP 15), and the transport over UDP, uTP (BEP 29).

use super::http::Head;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;

/// Begins a peer's handshake.
const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
/// Begins an announcement to the local network.
const ANNOUNCEMENT: &[u8] = b"BT-SEARCH * HTTP/1.1\r\n";
/// Begins a request to a tracker for a connection.
const TRACKER_CONNECT: u64 = 0x0417_2710_1980;
/// Bytes of a uTP header.
const UTP_HEADER: usize = 20;
/// Most uTP packets that may be on their way when one of them is acknowledged.
const MOST_IN_FLIGHT: u16 = 256;

const UTP_STATE: u8 = 2;
const UTP_SYN: u8 = 4;

/// BitTorrent.
pub static BITTORRENT: Signature = Signature {
    name: "BitTorrent",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: &[6881],
    first: FirstBytes::OneOf(b"\x13Bd\0\x01\x11\x21\x31\x41"),
    examine,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    const DEFINITE: Verdict = Verdict::Is(Confidence::DEFINITE, Method::Handshake);
    if payload.carrier == Carrier::Tcp {
        return match payload.bytes.starts_with(HANDSHAKE) {
            true => DEFINITE,
            false if HANDSHAKE.starts_with(payload.bytes) => Verdict::More,
            false => Verdict::No,
        };
    }
    if payload.bytes.first() == Some(&b'd') {
        return match hash_table_message(payload) {
            Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            None => Verdict::No,
        };
    }
    if payload.bytes.starts_with(ANNOUNCEMENT) {
        return DEFINITE;
    }
    if payload.u64(0) == Some(TRACKER_CONNECT) && payload.length == 16 && payload.u32(8) == Some(0) {
        return DEFINITE;
    }
    match Utp::read(payload) {
        Some(packet) => examine_utp(&packet, payload, state),
        None => Verdict::No,
    }
}

/// What a message of the hash table is: its keys come in order, so its beginning says it.
fn hash_table_message(payload: &Payload) -> Option<&'static str> {
    let mut bytes = payload.bytes;
    // BEP 42 puts the address of the one who asked in front.
    if let Some(rest) = bytes.strip_prefix(b"d2:ip") {
        let skipped = match rest {
            [b'6', b':', rest @ ..] => rest.get(6..)?,
            [b'1', b'8', b':', rest @ ..] => rest.get(18..)?,
            _ => return None,
        };
        bytes = skipped;
    } else {
        bytes = bytes.strip_prefix(b"d")?;
    }
    if payload.is_whole() && payload.bytes.last() != Some(&b'e') {
        return None;
    }
    let kinds = [(&b"1:ad2:id20:"[..], "query"), (b"1:rd2:id20:", "response"), (b"1:eli", "error")];
    kinds.into_iter().find(|(prefix, _)| bytes.starts_with(prefix)).map(|(_, kind)| kind)
}

/// Method of a query: between its arguments and its transaction.
fn hash_table_method(bytes: &[u8]) -> Option<&[u8]> {
    const METHODS: [&[u8]; 7] = [
        b"1:q4:ping",
        b"1:q9:find_node",
        b"1:q9:get_peers",
        b"1:q13:announce_peer",
        b"1:q3:get",
        b"1:q3:put",
        b"1:q17:sample_infohashes",
    ];
    METHODS
        .iter()
        .find(|method| memchr::memmem::find(bytes, method).is_some())
        .and_then(|method| method.splitn(3, |byte| *byte == b':').nth(2))
}

struct Utp {
    kind: u8,
    connection: u16,
    sequence: u16,
    acknowledged: u16,
}

impl Utp {
    fn read(payload: &Payload) -> Option<Self> {
        let [first, extension] = payload.array(0)?;
        let (kind, version) = (first >> 4, first & 15);
        let fits = version == 1 && kind <= UTP_SYN && extension <= 3 && payload.length >= UTP_HEADER;
        let packet = Self {
            kind,
            connection: payload.u16(2)?,
            sequence: payload.u16(16)?,
            acknowledged: payload.u16(18)?,
        };
        // Data has some, everything else has none but extensions.
        let data_fits = match kind {
            0 => payload.length > UTP_HEADER,
            _ => payload.length == UTP_HEADER || extension != 0,
        };
        (fits && data_fits).then_some(packet)
    }
}

/// One packet proves nothing: the other side has to answer it.
fn examine_utp(packet: &Utp, payload: &Payload, state: &mut FlowState) -> Verdict {
    // Notes, for each direction: that there was a packet, its type and connection; its numbers.
    let [seen_a, numbers_a, seen_b, numbers_b, ..] = state.claim_notes();
    let (own, other) = match payload.direction {
        Direction::Forward => ((seen_a, numbers_a), (*seen_b, *numbers_b)),
        Direction::Reverse => ((seen_b, numbers_b), (*seen_a, *numbers_a)),
    };
    let (other_seen, other_sequence) = (other.0 >> 24 != 0, (other.1 >> 16) as u16);
    let (other_kind, other_connection) = ((other.0 >> 16) as u8, other.0 as u16);
    let answers = match (other_kind, packet.kind) {
        (UTP_SYN, UTP_STATE) => {
            packet.connection == other_connection && packet.acknowledged == other_sequence
        }
        // The one that began sends with the greater of two neighbouring identifiers.
        _ => {
            let distance = packet.connection.wrapping_sub(other_connection);
            matches!(distance, 1 | u16::MAX)
                && other_sequence.wrapping_sub(packet.acknowledged) < MOST_IN_FLIGHT
        }
    };
    *own.0 = 1 << 24 | u32::from(packet.kind) << 16 | u32::from(packet.connection);
    *own.1 = u32::from(packet.sequence) << 16 | u32::from(packet.acknowledged);
    match other_seen && answers {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::Candidate,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if payload.carrier == Carrier::Tcp {
        if payload.bytes.starts_with(HANDSHAKE) {
            facts.say(b"Handshake");
            facts.put("type", b"handshake");
            if let Some(hash) = payload.array::<20>(28) {
                facts.put_hex("info_hash", &hash);
            }
        }
        return;
    }
    if let Some(kind) = hash_table_message(payload) {
        facts.say(b"DHT ");
        facts.put("type", b"dht");
        facts.put("message", kind.as_bytes());
        if let Some(method) = hash_table_method(payload.bytes) {
            facts.say(method);
            facts.say(b" ");
            facts.put("method", method);
        }
        return facts.say(kind.as_bytes());
    }
    if payload.bytes.starts_with(ANNOUNCEMENT) {
        facts.put("type", b"local_service_discovery");
        if let Some(hash) = Head::parse(payload).and_then(|head| head.field(b"infohash")) {
            facts.put("info_hash", hash);
        }
        return facts.say(b"Local service discovery");
    }
    if payload.u64(0) == Some(TRACKER_CONNECT) {
        facts.put("type", b"tracker");
        return facts.say(b"UDP tracker connect request");
    }
    let Some(packet) = Utp::read(payload) else { return };
    let name: &[u8] = match packet.kind {
        0 => b"Data",
        1 => b"Fin",
        UTP_STATE => b"State",
        3 => b"Reset",
        _ => b"Syn",
    };
    facts.say(b"uTP Connection ID:");
    facts.say_number(packet.connection.into());
    facts.say(b" [");
    facts.say(name);
    facts.say(b"] Seq=");
    facts.say_number(packet.sequence.into());
    facts.say(b" Ack=");
    facts.say_number(packet.acknowledged.into());
    facts.put("type", b"utp");
    facts.put("message", name);
    facts.put_number("connection_id", packet.connection.into());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn utp(reverse: bool, kind: u8, connection: u16, sequence: u16, acknowledged: u16) -> Sent {
        let mut payload = vec![kind << 4 | 1, 0];
        payload.extend_from_slice(&connection.to_be_bytes());
        payload.resize(16, 0x77);
        payload.extend_from_slice(&sequence.to_be_bytes());
        payload.extend_from_slice(&acknowledged.to_be_bytes());
        if kind == 0 {
            payload.extend_from_slice(b"data");
        }
        Sent { reverse, ..sent(Carrier::Udp, 40001, 40003, &payload) }
    }

    #[test]
    fn utp_needs_both_sides() {
        let named = [None, Some("BitTorrent")];
        assert_eq!(names(&[utp(false, 4, 100, 1, 0), utp(true, 2, 100, 500, 1)]), named);
        assert_eq!(names(&[utp(false, 0, 101, 20, 9), utp(true, 2, 100, 10, 20)]), named);
        assert_eq!(names(&[utp(false, 0, 101, 20, 9), utp(true, 2, 100, 10, 18)]), named);
        // Another connection, an acknowledgement of what was not sent, one side alone.
        assert_eq!(names(&[utp(false, 4, 100, 1, 0), utp(true, 2, 101, 500, 7)]), [None; 2]);
        assert_eq!(names(&[utp(false, 0, 101, 20, 9), utp(true, 2, 100, 10, 21)]), [None; 2]);
        assert_eq!(names(&[utp(false, 0, 101, 20, 9), utp(false, 0, 101, 21, 9)]), [None; 2]);
    }

    #[test]
    fn peers_trackers_and_the_hash_table() {
        let ping = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
        let answer = b"d2:ip6:\x01\x02\x03\x04\x05\x061:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re";
        let connect = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\x01\x02\x03\x04";
        for (carrier, payload, expected) in [
            (Carrier::Udp, &ping[..], "DHT ping query"),
            (Carrier::Udp, answer, "DHT response"),
            (Carrier::Udp, connect, "UDP tracker connect request"),
            (Carrier::Tcp, HANDSHAKE, "Handshake"),
        ] {
            let packet = sent(carrier, 40001, 40003, payload);
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("BitTorrent"), expected));
        }
        for payload in [&ping[..ping.len() - 1], b"d4:spam4:eggse", &connect[..15]] {
            assert_eq!(names(&[sent(Carrier::Udp, 40001, 40003, payload)]), [None]);
        }
        let pieces = [sent(Carrier::Tcp, 1, 2, b"\x13Bit"), sent(Carrier::Tcp, 1, 2, b"Torrent protocol")];
        assert_eq!(names(&pieces), [None, Some("BitTorrent")]);
    }
}
