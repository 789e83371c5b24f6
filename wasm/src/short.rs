//! Short texts. To copy or compare a length that is not known when it is compiled is a call in WebAssembly, which takes
//! longer than what it does; a fixed length is an instruction or two.

/// Bytes beyond which the call is faster.
const MOST: usize = 256;

/// Bytes that there is to be room for before anything short is appended: one look, whatever is copied then. Without
/// room another function is called last, which spares this one to save what it works with.
pub(crate) const ROOM: usize = 64;

/// Appends `bytes`: what `extend_from_slice` does, and faster where they are few.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() <= MOST {
        append_few(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
}

fn append_few(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > ROOM || !has_room(out) {
        return append_blocks(out, bytes);
    }
    append_at_once(out, [], bytes, &mut |_| {});
}

#[inline(never)]
fn append_blocks(out: &mut Vec<u8>, bytes: &[u8]) {
    append_read(out, [], bytes, &mut |_| {});
}

/// Appends `head` and `text` if all of the text is printable ASCII, blanks included; false where it is not, and nothing is
/// appended then.
#[inline]
pub(crate) fn append_printable<const HEAD: usize>(out: &mut Vec<u8>, head: [u8; HEAD], text: &[u8]) -> bool {
    if HEAD + text.len() > ROOM || !has_room(out) {
        return append_printable_blocks(out, head, text);
    }
    let start = out.len();
    let mut others = 0;
    append_at_once(out, head, text, &mut |word| others |= not_printable(word));
    finish_printable(out, start, others)
}

#[inline(never)]
fn append_printable_blocks<const HEAD: usize>(out: &mut Vec<u8>, head: [u8; HEAD], text: &[u8]) -> bool {
    let start = out.len();
    let mut others = 0;
    append_read(out, head, text, &mut |word| others |= not_printable(word));
    finish_printable(out, start, others)
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// The highest bit of an octet is set in some of them if any octet is less than a blank, or more than `~`.
#[inline(always)]
fn not_printable(word: u64) -> u64 {
    word | word.wrapping_sub(ONES * u64::from(b' ')) | word.wrapping_add(ONES)
}

#[inline(always)]
fn finish_printable(out: &mut Vec<u8>, start: usize, others: u64) -> bool {
    let is_printable = others & (ONES << 7) == 0;
    if !is_printable {
        out.truncate(start);
    }
    is_printable
}

/// Whether there is [`ROOM`].
#[inline(always)]
pub(crate) fn has_room(out: &Vec<u8>) -> bool {
    out.capacity().wrapping_sub(out.len()) >= ROOM
}

/// Appends `head` and `bytes`, at most [`ROOM`] together, and shows those to `read`: each of them once or more, and no
/// other.
#[inline(always)]
fn append_at_once<const HEAD: usize>(
    out: &mut Vec<u8>,
    head: [u8; HEAD],
    bytes: &[u8],
    read: &mut impl FnMut(u64),
) {
    let start = out.len();
    let end = start + HEAD + bytes.len();
    out.extend_from_slice(&[0; ROOM]);
    let place = out.get_mut(start..end).and_then(<[u8]>::split_first_chunk_mut);
    if let Some((place, rest)) = place {
        *place = head;
        copy_read(rest, bytes, read);
    }
    out.truncate(end);
}

/// Does the same with any number of them.
#[inline(always)]
fn append_read<const HEAD: usize>(
    out: &mut Vec<u8>,
    head: [u8; HEAD],
    bytes: &[u8],
    read: &mut impl FnMut(u64),
) {
    out.reserve(ROOM.max(HEAD + bytes.len()));
    if HEAD + bytes.len() <= ROOM {
        return append_at_once(out, head, bytes, read);
    }
    out.extend_from_slice(&head);
    let end = out.len() + bytes.len();
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        read_block(block, read);
        out.extend_from_slice(block);
    }
    if let Some(last) = bytes.last_chunk::<16>().filter(|_| !rest.is_empty()) {
        read_block(last, read);
        // Over what is equal to those before them.
        out.truncate(end.saturating_sub(16));
        out.extend_from_slice(last);
    }
}

/// Copies `bytes` to `place`, which is as long, at most [`ROOM`], and shows them to `read`.
#[inline(always)]
fn copy_read(place: &mut [u8], bytes: &[u8], read: &mut impl FnMut(u64)) {
    let is_copied = copy_ends::<32>(place, bytes, read)
        || copy_ends::<16>(place, bytes, read)
        || copy_ends::<8>(place, bytes, read)
        || copy_ends::<4>(place, bytes, read);
    if !is_copied {
        // Three at most.
        for at in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            if let (Some(place), Some(octet)) = (place.get_mut(at), bytes.get(at)) {
                *place = *octet;
                read(u64::from_ne_bytes([*octet; 8]));
            }
        }
    }
}

/// Copies the first and the last `N`, which may be some of the first, if there are as many: all of `2 * N`.
#[inline(always)]
fn copy_ends<const N: usize>(place: &mut [u8], bytes: &[u8], read: &mut impl FnMut(u64)) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else { return false };
    if let Some(place) = place.first_chunk_mut() {
        *place = *first;
    }
    if let Some(place) = place.last_chunk_mut() {
        *place = *last;
    }
    read_block(first, read);
    read_block(last, read);
    true
}

#[inline(always)]
fn read_block<const N: usize>(block: &[u8; N], read: &mut impl FnMut(u64)) {
    let (words, rest) = block.as_chunks();
    words.iter().for_each(|word| read(u64::from_le_bytes(*word)));
    if let Some(half) = rest.first_chunk() {
        let half = u64::from(u32::from_le_bytes(*half));
        read(half | half << 32);
    }
}

/// Octets that are looked at at once.
pub(crate) const BLOCK: usize = 16;
/// Octets that are looked at one block after the other, before it is `memchr`'s turn, which takes longer to begin.
const NEAR: usize = 8 * BLOCK;

/// Where the first `octet` of a text is: what `memchr` says, and faster where it is near.
#[inline]
pub(crate) fn find(text: &[u8], octet: u8) -> Option<usize> {
    find_any(text, [octet])
}

/// Where the first of some octets is, whichever it is.
#[inline]
pub(crate) fn find_any<const N: usize>(text: &[u8], octets: [u8; N]) -> Option<usize> {
    let near = text.get(..NEAR).unwrap_or(text);
    let (blocks, tail) = near.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let found = places_of(block, octets);
        if found != 0 {
            return Some(number * BLOCK + found.trailing_zeros() as usize);
        }
    }
    if tail.is_empty() {
        return if text.len() == near.len() { None } else { find_far(text, &octets) };
    }
    // What comes before the tail is known to be something else.
    let Some(last) = near.last_chunk() else { return find_in_few(text, octets) };
    let found = places_of(last, octets);
    (found != 0).then(|| near.len() - BLOCK + found.trailing_zeros() as usize)
}

/// Among fewer octets than are in a block.
#[inline]
fn find_in_few<const N: usize>(text: &[u8], octets: [u8; N]) -> Option<usize> {
    let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) else {
        return text.iter().position(|octet| octets.contains(octet));
    };
    let mut block = [0; BLOCK];
    let (front, back) = block.split_at_mut(8);
    front.copy_from_slice(first);
    back.copy_from_slice(last);
    let found = places_of(&block, octets);
    let at = found.trailing_zeros() as usize;
    (found != 0).then_some(if at < 8 { at } else { at + text.len() - BLOCK })
}

#[cold]
fn find_far(text: &[u8], octets: &[u8]) -> Option<usize> {
    let rest = text.get(NEAR..)?;
    let found = match *octets {
        [one] => memchr::memchr(one, rest),
        [one, other] => memchr::memchr2(one, other, rest),
        [one, other, third] => memchr::memchr3(one, other, third, rest),
        _ => rest.iter().position(|octet| octets.contains(octet)),
    };
    found.map(|at| NEAR + at)
}

/// A bit for each octet of a block that is one of those sought.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
pub(crate) fn places_of<const N: usize>(block: &[u8; BLOCK], sought: [u8; N]) -> u32 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128_or};
    let (words, _) = block.as_chunks::<8>();
    let &[low, high] = words else { return 0 };
    let octets = u64x2(u64::from_le_bytes(low), u64::from_le_bytes(high));
    let equal = sought.map(|octet| u8x16_eq(octets, u8x16_splat(octet)));
    u8x16_bitmask(equal.into_iter().fold(u8x16_splat(0), |any, one| v128_or(any, one))).into()
}

/// A bit for each octet of a block that is one of those sought.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
pub(crate) fn places_of<const N: usize>(block: &[u8; BLOCK], sought: [u8; N]) -> u32 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        let zeros = sought.iter().fold(0, |zeros, octet| {
            let other = u64::from_le_bytes(*word) ^ u64::from_ne_bytes([*octet; 8]);
            // The highest bit of each octet that is 0, exactly; then all of them side by side.
            zeros | !((other & LOW).wrapping_add(LOW) | other | LOW)
        });
        bits << 8 | (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080).wrapping_shr(56) as u32
    })
}

/// Whether two texts are the same: what `==` says, and faster where they are short.
#[inline]
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(end), Some(other_end)) => {
            let words = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
            let same = |a: &[u8; 8], b: &[u8; 8]| u64::from_le_bytes(*a) == u64::from_le_bytes(*b);
            same(end, other_end) && words.into_iter().all(|(a, b)| same(a, b))
        }
        _ => one.iter().zip(other).all(|(a, b)| a == b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length() {
        let bytes: Vec<u8> = (0..600u32).map(|at| (at * 7 % 251) as u8).collect();
        for length in (0..=300).chain([511, 600]) {
            let mut out = b"before".to_vec();
            append(&mut out, &bytes[..length]);
            assert_eq!(out, [b"before", &bytes[..length]].concat());
        }
    }

    #[test]
    fn printable_or_nothing() {
        for length in (0..=70).chain([255, 256, 257, 600]) {
            let text: Vec<u8> = (0..length).map(|at| b' ' + (at * 7 % 95) as u8).collect();
            let mut out = b"before".to_vec();
            assert!(append_printable(&mut out, *b"<>", &text));
            assert_eq!(out, [b"before<>", &text[..]].concat());
            for at in 0..length {
                for octet in [0, b'\n', 0x1f, b' ', b'~', 0x7f, 0x80, 0x9f, 0xa0, 0xfe, 0xff] {
                    let mut other = text.clone();
                    other[at] = octet;
                    let mut out = b"before".to_vec();
                    let is_printable = append_printable(&mut out, *b"<>", &other);
                    assert_eq!(
                        is_printable,
                        octet == b' ' || octet.is_ascii_graphic(),
                        "{length} {at} {octet}"
                    );
                    assert_eq!(out.len(), if is_printable { 8 + length } else { 6 });
                }
            }
        }
    }

    #[test]
    fn any_place() {
        for length in (0..60).chain([126, 127, 128, 129, 143, 144, 145, 300]) {
            let text = vec![b'x'; length];
            assert_eq!((find(&text, b','), find_any(&text, [b',', b';', b'<', b'"'])), (None, None));
            for at in 0..length {
                let mut text = text.clone();
                text[at] = b',';
                if let Some(later) = text.get_mut(at + 1) {
                    *later = b',' ^ 1;
                }
                if let Some(later) = text.get_mut(at + 9) {
                    *later = b',';
                }
                assert_eq!(find(&text, b','), Some(at), "{length}");
                for octets in [[b',', b';', b'<'], [b';', b',', b'<'], [b';', b'<', b',']] {
                    assert_eq!(find_any(&text, octets), Some(at), "{length}");
                    assert_eq!(
                        find_any(&text, [octets[0], octets[1], b'>', octets[2]]),
                        Some(at),
                        "{length}"
                    );
                }
            }
        }
    }

    #[test]
    fn any_difference() {
        for length in 0..40 {
            let one: Vec<u8> = (0..length).collect();
            assert!(equal(&one, &one.clone()));
            assert!(!equal(&one, &[&one[..], b"x"].concat()));
            for at in 0..one.len() {
                let mut other = one.clone();
                other[at] ^= 0x80;
                assert!(!equal(&one, &other), "{length} {at}");
            }
        }
    }
}
