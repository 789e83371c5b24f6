//! Attributes (RFC 8866 section 5.13) that say something about where media go, and how.

use super::section::Direction;

/// Longest name of those below.
const MOST_NAME: usize = 13;

/// An attribute that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// None of those below.
    Other,
    /// `rtpmap`.
    RtpMap,
    /// `fmtp`.
    FormatParameters,
    /// `ptime`.
    PacketTime,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    Direction(Direction),
    /// `rtcp` (RFC 3605).
    Rtcp,
    /// `rtcp-mux` (RFC 5761).
    RtcpMux,
    /// `rtcp-mux-only` (RFC 8858).
    RtcpMuxOnly,
    /// `mid` (RFC 5888).
    Identification,
    /// `group` (RFC 5888).
    Group,
    /// `bundle-only` (RFC 9143).
    BundleOnly,
    /// `candidate` (RFC 8839).
    Candidate,
    /// `ice-ufrag` (RFC 8839).
    Ice,
    /// `crypto` (RFC 4568), `key-mgmt` (RFC 4567), `fingerprint` (RFC 8122).
    Keys,
    /// `setup` (RFC 4145, RFC 8842).
    Setup,
    /// `path` (RFC 4975).
    Path,
}

/// Kind and value of an attribute; the value of a property is empty.
#[inline]
pub(super) fn attribute(text: &[u8]) -> (Attribute, &[u8]) {
    usual(text).unwrap_or_else(|| any(text))
}

/// The attributes that nearly all descriptions have, told by their first eight octets.
#[inline]
fn usual(text: &[u8]) -> Option<(Attribute, &[u8])> {
    const SEND_RECEIVE: u64 = u64::from_le_bytes(*b"sendrecv");
    const RTP_MAP: u64 = u64::from_le_bytes(*b"rtpmap:\0");
    const PARAMETERS: u64 = u64::from_le_bytes(*b"fmtp:\0\0\0");
    let start = u64::from_le_bytes(*text.first_chunk()?);
    let (attribute, value) = if start << 8 == RTP_MAP << 8 {
        (Attribute::RtpMap, text.get(7..)?)
    } else if start << 24 == PARAMETERS << 24 {
        (Attribute::FormatParameters, text.get(5..)?)
    } else if start == SEND_RECEIVE && text.len() == 8 {
        (Attribute::Direction(Direction::SendReceive), &b""[..])
    } else {
        return None;
    };
    Some((attribute, value.trim_ascii_start()))
}

#[inline(never)]
fn any(text: &[u8]) -> (Attribute, &[u8]) {
    let colon = text.iter().position(|octet| *octet == b':').unwrap_or(text.len());
    let (name, value) = text.split_at_checked(colon).unwrap_or_default();
    (kind(name), value.get(1..).unwrap_or_default().trim_ascii_start())
}

fn kind(name: &[u8]) -> Attribute {
    match name {
        b"rtpmap" => Attribute::RtpMap,
        b"fmtp" => Attribute::FormatParameters,
        b"ptime" => Attribute::PacketTime,
        b"sendrecv" => Attribute::Direction(Direction::SendReceive),
        b"sendonly" => Attribute::Direction(Direction::SendOnly),
        b"recvonly" => Attribute::Direction(Direction::ReceiveOnly),
        b"inactive" => Attribute::Direction(Direction::Inactive),
        b"rtcp" => Attribute::Rtcp,
        b"rtcp-mux" => Attribute::RtcpMux,
        b"rtcp-mux-only" => Attribute::RtcpMuxOnly,
        b"mid" => Attribute::Identification,
        b"group" => Attribute::Group,
        b"bundle-only" => Attribute::BundleOnly,
        b"candidate" => Attribute::Candidate,
        b"ice-ufrag" => Attribute::Ice,
        b"crypto" | b"key-mgmt" | b"fingerprint" => Attribute::Keys,
        b"setup" => Attribute::Setup,
        b"path" => Attribute::Path,
        _ => in_lower_case(name),
    }
}

/// Names in other letters than the RFCs write them with, or with blanks around.
#[cold]
fn in_lower_case(name: &[u8]) -> Attribute {
    let mut lower = [0; MOST_NAME];
    let trimmed = name.trim_ascii();
    let Some(copy) = lower.get_mut(..trimmed.len()) else { return Attribute::Other };
    copy.copy_from_slice(trimmed);
    copy.make_ascii_lowercase();
    if copy == name { Attribute::Other } else { kind(copy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_attributes_are_read_like_all_others() {
        for text in ["rtpmap:0 PCMU/8000", "rtpmap: \t1", "fmtp:101 0-15", "sendrecv"] {
            assert!(usual(text.as_bytes()).is_some(), "{text}");
            for at in 0..text.len() {
                for octet in [b':', b' ', b'\t', 0, b'a', b'R', b'_'] {
                    let (mut changed, mut longer) = (text.as_bytes().to_vec(), text.as_bytes().to_vec());
                    changed[at] = octet;
                    longer.insert(at + 1, octet);
                    for text in [&changed[..], &longer, &changed[..at]] {
                        assert_eq!(attribute(text), any(text), "{}", text.escape_ascii());
                    }
                }
            }
        }
    }
}
