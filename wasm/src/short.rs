//! Short texts. To copy or compare a length that is not known when it is compiled is a call in WebAssembly, which takes
//! longer than what it does; a fixed length is an instruction or two.

/// Bytes beyond which the call is faster.
const MOST: usize = 256;

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
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        out.extend_from_slice(block);
    }
    if rest.is_empty() {
        return;
    }
    if let Some(last) = bytes.last_chunk::<16>() {
        return append_end(out, last, rest.len());
    }
    if let (Some(first), Some(last)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        out.extend_from_slice(first);
        return append_end(out, last, rest.len() - 8);
    }
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        out.extend_from_slice(first);
        return append_end(out, last, rest.len() - 4);
    }
    for byte in rest {
        out.push(*byte);
    }
}

/// Appends the last `length` of the bytes, at most `N`, over what is equal to those before them.
#[inline(always)]
fn append_end<const N: usize>(out: &mut Vec<u8>, last: &[u8; N], length: usize) {
    out.truncate((out.len() + length).saturating_sub(N));
    out.extend_from_slice(last);
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

/// Among less octets than are in a block.
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
