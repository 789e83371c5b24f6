//! RTMP (Adobe's Real-Time Messaging Protocol 1.0): a version byte and 1536 bytes from each side come first, then chunks.

use super::command_line::{other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[1935];
/// Version byte, and the first message of the handshake (section 5.2.3).
const HANDSHAKE: usize = 1 + 1536;
/// Bytes of a handshake's beginning that are waited for off the port: next to nothing else sends a segment like that.
const LONG_BEGINNING: usize = 1024;
/// Longest message of a chunk that is believed, bytes.
const MOST_MESSAGE: u32 = 1 << 22;

/// RTMP: the four bytes behind the time are zero; players have their version there, and tell by the other side's answer, or
/// the port. In the middle of a connection on the port, chunks that begin a message.
pub static RTMP: Signature = Signature {
    name: "RTMP",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::Ranges(&[(2, 0x3f)]),
    examine,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let on_port = payload.on_port(PORTS);
    if on_port && Chunk::read(payload).is_some() {
        return Verdict::Is(Confidence::HIGH, Method::Port);
    }
    let length = payload.bytes.len();
    if payload.u8(0) != Some(3) || !payload.at_start && (length != HANDSHAKE || !on_port) {
        return Verdict::No;
    }
    // Random bytes follow.
    let filled = payload.from(9).iter().take(64).filter(|byte| **byte != 0).count() >= 32;
    let zeroed = payload.u32(5) == Some(0) && (filled || length < 9 + 64);
    let is_answer = state.notes().is_some_and(|[asked, ..]| *asked == other_side(payload.direction));
    match length {
        HANDSHAKE.. if zeroed => Verdict::Is(Confidence::HIGH, Method::Handshake),
        HANDSHAKE if on_port => Verdict::Is(Confidence::HIGH, Method::Port),
        HANDSHAKE.. if is_answer && filled => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        // A client waits for the answer: more than that is something else.
        HANDSHAKE if filled => {
            state.claim_notes()[0] = side(payload.direction);
            Verdict::Candidate
        }
        9..HANDSHAKE if state.may_ask_more(payload) => match zeroed || on_port || is_answer {
            true => Verdict::More,
            false if filled && length >= LONG_BEGINNING => Verdict::More,
            false => Verdict::No,
        },
        _ => Verdict::No,
    }
}

/// The first chunk of a message (section 5.3.1): a basic header of one byte, and a message header of eleven.
struct Chunk {
    kind: &'static str,
}

impl Chunk {
    fn read(payload: &Payload) -> Option<Self> {
        let (stream, length) = (payload.u8(0)?, payload.u24(4)?);
        let (kind, message_stream) = (payload.u8(7)?, payload.le32(8)?);
        // Messages of control have a length of their own, and go in chunk stream 2 of message stream 0 (section 5.4).
        let fits = match kind {
            1 | 2 | 3 | 5 => length == 4 && stream == 2 && message_stream == 0,
            4 => matches!(length, 6 | 10) && stream == 2 && message_stream == 0,
            6 => length == 5 && stream == 2 && message_stream == 0,
            8 | 9 => length <= MOST_MESSAGE && (1..=0xff).contains(&message_stream),
            // Commands and data begin with a string; those in AMF 3 have a byte in front of it.
            18 | 20 => payload.u8(12) == Some(2) && length <= MOST_MESSAGE && message_stream <= 0xff,
            15 | 17 => payload.u16(12) == Some(2) && length <= MOST_MESSAGE && message_stream <= 0xff,
            _ => false,
        };
        // Smaller identifiers of chunk streams stand for more bytes of basic header; 2 is that of control.
        let is_control = kind <= 6;
        (fits && (3..=0x3f).contains(&stream) != is_control).then_some(Self { kind: message_name(kind) })
    }
}

fn message_name(kind: u8) -> &'static str {
    match kind {
        1 => "Set Chunk Size",
        2 => "Abort Message",
        3 => "Acknowledgement",
        4 => "User Control Message",
        5 => "Window Acknowledgement Size",
        6 => "Set Peer Bandwidth",
        8 => "Audio Data",
        9 => "Video Data",
        15 | 18 => "Data Message",
        _ => "Command Message",
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if payload.u8(0) == Some(3) && payload.bytes.len() >= HANDSHAKE && payload.at_start {
        facts.say(b"Handshake");
        facts.put("type", b"handshake");
        facts.put_number("version", 3);
    } else if let Some(chunk) = Chunk::read(payload) {
        facts.say(chunk.kind.as_bytes());
        facts.put("type", chunk.kind.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{names, sent};
    use super::*;

    #[test]
    fn the_handshake_is_waited_for() {
        let mut handshake = vec![7; HANDSHAKE];
        handshake[0] = 3;
        let mut zeroed = handshake.clone();
        zeroed[5..9].fill(0);
        for (port, payload, expected) in [
            (1935, &handshake, Some("RTMP")),
            (9000, &zeroed, Some("RTMP")),
            (9000, &handshake, None),
            (9000, &zeroed[..HANDSHAKE - 1].to_vec(), None),
        ] {
            let (first, second) = payload.split_at(1000);
            let packets = [first, second].map(|part| sent(Carrier::Tcp, 40001, port, part));
            assert_eq!(names(&packets), [None, expected]);
        }
        zeroed[0] = 6;
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 1935, &zeroed)]), [None]);
    }
}
