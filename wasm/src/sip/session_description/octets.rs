//! Octets that end something, looked for eight at once: in each word the lowest highest-of-eight bit that is set is that of
//! the first of them. Bits above it may be wrong, because a borrow goes on there.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHEST: u64 = ONES << 7;

/// Where the first blank or tab is, else the end.
#[inline]
pub(super) fn end_of_word(text: &[u8]) -> usize {
    let is_end = |octet: &u8| matches!(octet, b' ' | b'\t');
    end_of(text, |octets| equal_to(octets, b' ') | equal_to(octets, b'\t'), is_end)
}

/// Where the first octet is that is a slash or not graphic, else the end.
#[inline]
pub(super) fn end_of_name(text: &[u8]) -> usize {
    let is_end = |octet: &u8| *octet == b'/' || !octet.is_ascii_graphic();
    end_of(text, |octets| equal_to(octets, b'/') | not_graphic(octets), is_end)
}

#[inline(always)]
fn end_of(text: &[u8], ends_in: impl Fn(u64) -> u64, is_end: impl Fn(&u8) -> bool) -> usize {
    let mut at = 0;
    while let Some(octets) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let found = ends_in(u64::from_le_bytes(*octets)) & HIGHEST;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(is_end).unwrap_or(rest.len())
}

#[inline]
fn equal_to(octets: u64, octet: u8) -> u64 {
    let others = octets ^ (ONES * u64::from(octet));
    others.wrapping_sub(ONES) & !others
}

#[inline]
fn not_graphic(octets: u64) -> u64 {
    let below = octets.wrapping_sub(ONES * u64::from(b'!')) & !octets;
    let above = octets | ((octets & !HIGHEST) + ONES);
    below | above
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_wherever_they_are() {
        for length in 0..20 {
            for (octet, at) in (0..=u8::MAX).flat_map(|octet| (0..length).map(move |at| (octet, at))) {
                for other in [b'a', b'!', b'~', b'.', b'0', octet, octet.wrapping_add(1)] {
                    let mut text = vec![b'x'; length];
                    text[at] = octet;
                    if let Some(next) = text.get_mut(at + 1) {
                        *next = other;
                    }
                    let word = text.iter().position(|octet| [b' ', b'\t'].contains(octet));
                    assert_eq!(end_of_word(&text), word.unwrap_or(length), "{text:?}");
                    let name = text.iter().position(|octet| !(b'!'..=b'~').contains(octet) || *octet == b'/');
                    assert_eq!(end_of_name(&text), name.unwrap_or(length), "{text:?}");
                }
            }
        }
    }
}
