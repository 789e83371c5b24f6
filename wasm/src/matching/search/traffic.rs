//! What stands beside what in ordinary traffic, counted in a sample of it ([`SAMPLE`]): requests and pages of the web, SIP,
//! mail. Where traffic differs, a search takes more time, and finds the same.

/// Made up for this purpose. Lines end with CRLF in traffic.
const SAMPLE: &[u8] = include_bytes!("traffic.txt");

/// Classes of bytes: letters without their case, and the others as far as they differ in the lowest five bits.
pub(super) const CLASSES: usize = 64;

/// Class of a byte. Both cases of a letter have the same.
#[inline]
pub(super) fn class(byte: u8) -> usize {
    usize::from(byte >> 1 & 0x20 | byte & 0x1f)
}

/// Number of a pair of bytes, by their classes, below the square of [`CLASSES`].
#[inline]
pub(super) fn pair(first: u8, second: u8) -> usize {
    // Both at once.
    let both = u32::from(first) << 8 | u32::from(second);
    let classes = both >> 1 & 0x2020 | both & 0x1f1f;
    (classes >> 2 & 0xfc0 | classes & 0x3f) as usize
}

/// By number of the pair: the chance that a place in traffic holds it. None is 0.
pub(super) fn pair_chances() -> Vec<f32> {
    let bytes =
        || SAMPLE.iter().flat_map(|byte| if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) });
    let mut pairs = vec![0f32; CLASSES * CLASSES];
    let mut singles = [0f32; CLASSES];
    for (first, second) in bytes().zip(bytes().skip(1)) {
        if let Some(count) = pairs.get_mut(pair(*first, *second)) {
            *count += 1.0;
        }
        if let Some(count) = singles.get_mut(class(*first)) {
            *count += 1.0;
        }
    }
    let all: f32 = singles.iter().sum();
    let single = |class: usize| singles.get(class).map_or(0.0, |count| (count + 3.0) / all);
    for (number, chance) in pairs.iter_mut().enumerate() {
        // Pairs that the sample lacks are not equally rare.
        *chance = 0.9 * *chance / all + 0.1 * single(number / CLASSES) * single(number % CLASSES);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_text() {
        let chances = pair_chances();
        let chance = |text: &[u8; 2]| chances[pair(text[0], text[1])];
        assert!(chances.iter().all(|chance| *chance > 0.0));
        assert!((0.9..1.2).contains(&chances.iter().sum::<f32>()));
        assert!(chance(b"th") > 20.0 * chance(b"zq"));
        assert!(chance(b"\r\n") > chance(b"\n\r"));
        assert_eq!(chance(b"TH"), chance(b"th"));
    }
}
