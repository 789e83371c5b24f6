//! VNC: the remote framebuffer protocol (RFC 6143), from the version that each side begins with.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Method, Payload, Signature, Verdict};

/// `RFB xxx.yyy` and a line feed (RFC 6143 section 7.1.1).
const VERSION_MESSAGE: usize = 12;
const BEGINNING: &[u8] = b"RFB 00";

/// VNC.
pub static VNC: Signature = Signature {
    name: "VNC",
    carriers: &[Carrier::Tcp],
    ports: &[5900, 5901, 5902, 5800],
    first: FirstBytes::OneOf(b"R"),
    examine: |payload, _, _| match version(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        None if payload.bytes.len() < VERSION_MESSAGE
            && payload
                .bytes
                .get(..BEGINNING.len())
                .map_or(BEGINNING.starts_with(payload.bytes), |head| head == BEGINNING) =>
        {
            Verdict::More
        }
        None => Verdict::No,
    },
    describe: |payload, _, _, facts| {
        if let Some(version) = version(payload) {
            facts.say(b"ProtocolVersion ");
            facts.say(version);
            facts.put("protocol_version", version);
        }
    },
    ..Signature::BASE
};

/// Major and minor version, three digits each.
fn version<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    let line = payload.bytes.get(..VERSION_MESSAGE)?.strip_prefix(b"RFB ")?;
    let version = line.strip_suffix(b"\n")?;
    let fits = version.iter().enumerate().all(|(at, byte)| match at {
        0 | 1 => *byte == b'0',
        3 => *byte == b'.',
        _ => byte.is_ascii_digit(),
    });
    fits.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Sent, names, sent};
    use super::*;

    #[test]
    fn each_side_begins_with_its_version() {
        let packets = [
            sent(Carrier::Tcp, 5900, 40001, b"RFB 003.008\n"),
            Sent { reverse: true, ..sent(Carrier::Tcp, 40001, 5900, b"RFB 003.003\n") },
            sent(Carrier::Tcp, 5900, 40001, &[1, 2]),
        ];
        assert_eq!(names(&packets), [Some("VNC"); 3]);
        let split = [&b"RFB 003"[..], b".889\n"].map(|part| sent(Carrier::Tcp, 9000, 40001, part));
        assert_eq!(names(&split), [None, Some("VNC")]);
        for payload in
            [&b"RFB 003.00x\n"[..], b"RFB 003.008 ", b"RFB 003,008\n", b"RFB 1.0\n", b"rfb 003.008\n"]
        {
            assert_eq!(names(&[sent(Carrier::Tcp, 5900, 40001, payload)]), [None], "{payload:?}");
        }
    }
}
