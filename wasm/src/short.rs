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
