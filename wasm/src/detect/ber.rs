//! The tag-length-value encoding of ASN.1 Basic Encoding Rules (X.690), as far as one byte of tag goes.

/// Longest contents that are believed, bytes.
const MOST_LENGTH: usize = 1 << 28;

/// One element: its tag, its value as far as it was captured, and the length that its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Identifier octet.
    pub tag: u8,
    /// Contents, cut where the capture is.
    pub value: &'a [u8],
    /// Bytes of the contents.
    pub length: usize,
    /// Bytes in front of the contents.
    pub header: usize,
}

/// The element at the front of `bytes`, and what follows it. `None` for an indefinite length, one of more than
/// four octets or 256 MiB, and where the header is cut.
pub fn split(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let (mut length, mut header) = (usize::from(*first), 2);
    if *first >= 0x80 {
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 4 {
            return None;
        }
        let (number, after) = rest.split_at_checked(octets)?;
        length = number.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        (rest, header) = (after, 2 + octets);
    }
    if length > MOST_LENGTH {
        return None;
    }
    let (value, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((Element { tag: *tag, value, length, header }, after))
}

/// The element at the front, if it has this tag.
pub fn split_tag(bytes: &[u8], tag: u8) -> Option<(Element<'_>, &[u8])> {
    split(bytes).filter(|(element, _)| element.tag == tag)
}

/// An INTEGER of at most eight octets that is not negative.
pub fn unsigned(value: &[u8]) -> Option<u64> {
    let fits = !value.is_empty() && value.len() <= 8 && value.first().is_some_and(|first| first & 0x80 == 0);
    fits.then(|| value.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}

/// Appends an OBJECT IDENTIFIER as numbers with dots, of its first 64 octets; from a number on that has more than 57 bits
/// nothing.
pub fn write_object_identifier(value: &[u8], out: &mut Vec<u8>) {
    let (mut number, mut first) = (0u64, true);
    for octet in value.iter().take(64) {
        if number >> 57 != 0 {
            return;
        }
        number = number << 7 | u64::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            continue;
        }
        if first {
            let root = (number / 40).min(2);
            crate::wire::json::put_decimal(out, root);
            number -= root * 40;
        }
        out.push(b'.');
        crate::wire::json::put_decimal(out, number);
        (number, first) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_both_forms() {
        let (element, rest) = split(&[4, 1, 7, 9]).unwrap();
        assert_eq!((element.value, element.length, element.header, rest), (&[7][..], 1, 2, &[9][..]));
        let (element, _) = split(&[0x30, 0x82, 1, 0, 5]).unwrap();
        assert_eq!((element.value, element.length, element.header), (&[5][..], 256, 4));
        for bytes in [&[][..], &[4], &[4, 0x80], &[4, 0x85, 0, 0, 0, 0, 1], &[4, 0x82, 1]] {
            assert_eq!(split(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn object_identifiers_as_text() {
        let text = |value: &[u8]| {
            let mut out = Vec::new();
            write_object_identifier(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(&[0x2b, 6, 1, 2, 1]), "1.3.6.1.2.1");
        assert_eq!(text(&[0x88, 0x37, 0x83, 0x10]), "2.999.400");
        assert_eq!(text(&[0xff; 40]), "");
    }

    #[test]
    fn integers_are_not_negative() {
        assert_eq!(unsigned(&[1, 0]), Some(256));
        assert_eq!(unsigned(&[0x80]), None);
        assert_eq!(unsigned(&[]), None);
    }
}
