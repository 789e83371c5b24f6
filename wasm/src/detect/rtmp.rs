//! RTMP (Adobe's Real-Time Messaging Protocol 1.0): a version byte and 1536 bytes from each side come first.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Method, Signature, Verdict};

const PORTS: &[u16] = &[1935];
/// Version byte, and the first message of the handshake (section 5.2.3).
const HANDSHAKE: usize = 1 + 1536;

/// RTMP: the four bytes behind the time are zero, or on its port the version of a player.
pub static RTMP: Signature = Signature {
    name: "RTMP",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[3]),
    examine: |payload, state, _| {
        if !payload.at_start || payload.u8(0) != Some(3) {
            return Verdict::No;
        }
        // Random bytes follow.
        let filled = payload.from(9).iter().take(64).filter(|byte| **byte != 0).count() >= 32;
        let zeroed = payload.u32(5) == Some(0) && (filled || payload.bytes.len() < 9 + 64);
        match payload.bytes.len() {
            HANDSHAKE.. if zeroed => Verdict::Is(Confidence::HIGH, Method::Handshake),
            HANDSHAKE if payload.on_port(PORTS) => Verdict::Is(Confidence::HIGH, Method::Port),
            9..HANDSHAKE if (zeroed || payload.on_port(PORTS)) && state.may_ask_more(payload) => {
                Verdict::More
            }
            _ => Verdict::No,
        }
    },
    describe: |payload, _, _, facts| {
        if payload.at_start && payload.u8(0) == Some(3) && payload.bytes.len() >= HANDSHAKE {
            facts.say(b"Handshake");
            facts.put("type", b"handshake");
            facts.put_number("version", 3);
        }
    },
    ..Signature::BASE
};

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
