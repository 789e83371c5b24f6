//! Google's QUIC, which was before that of the IETF: its versions.

use super::Payload;

/// Version of a packet of Google's QUIC: `Q` or `T`, a zero and two digits, behind the flags and the identifier, or
/// in a long header, which came with Q044. Only versions that there were: other bytes may look so by chance.
pub(super) fn version(payload: &Payload) -> Option<[u8; 4]> {
    const IDENTIFIER: usize = 8;
    let first = payload.u8(0)?;
    let is_long = first & 0x80 != 0;
    // A version and an identifier, and of the rest only what may be: a nonce, any length of the packet number.
    if !is_long && first & 0xcb != 0x09 {
        return None;
    }
    let bytes = payload.array::<4>(if is_long { 1 } else { 1 + IDENTIFIER })?;
    let [kind, b'0', tens @ b'0'..=b'9', units @ b'0'..=b'9'] = bytes else { return None };
    let is_version = match (kind, (tens - b'0') * 10 + (units - b'0')) {
        (b'Q', number) => (if is_long { 44 } else { 1 }..=50).contains(&number),
        (b'T', number) => is_long && (48..=51).contains(&number),
        _ => false,
    };
    // Identifiers are random: in text, any four characters can stand behind eight others.
    let is_text =
        || payload.array::<IDENTIFIER>(1).is_some_and(|id| id.iter().all(|byte| matches!(byte, b' '..=b'~')));
    (is_version && (is_long || !is_text())).then_some(bytes)
}
