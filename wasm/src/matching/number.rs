//! Telephone numbers (E.164, RFC 3966) as digits.

use super::pattern::Pattern;

/// Digits from which on a pattern is the end of a number: with fewer, short codes would hit subscriber numbers.
pub const LEAST_SUFFIX: usize = 10;
/// Longest number in digits that is looked at: what is before them is left out.
pub const MOST_DIGITS: usize = 64;

/// The digits of a number.
#[derive(Clone, Copy)]
pub struct Digits {
    digits: [u8; MOST_DIGITS],
    count: usize,
}

impl Digits {
    /// The digits in `text`, the last [`MOST_DIGITS`] of them; all else is left out.
    pub fn of(text: &[u8]) -> Self {
        let mut taken = Self { digits: [0; MOST_DIGITS], count: 0 };
        let mut skipped =
            text.iter().filter(|octet| octet.is_ascii_digit()).count().saturating_sub(MOST_DIGITS);
        for octet in text.iter().filter(|octet| octet.is_ascii_digit()) {
            if skipped > 0 {
                skipped -= 1;
            } else if let Some(place) = taken.digits.get_mut(taken.count) {
                *place = *octet;
                taken.count += 1;
            }
        }
        taken
    }

    /// As text.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }
}

/// A number without its international prefix, `00` or `011`; as it is where it has none.
pub fn without_international_prefix(digits: &[u8]) -> &[u8] {
    digits.strip_prefix(b"011").or_else(|| digits.strip_prefix(b"00")).unwrap_or(digits)
}

/// Visual separators of RFC 3966 section 5.1.1, and those that people write.
fn is_separator(character: char) -> bool {
    matches!(character, '-' | '.' | '(' | ')' | ' ' | '/' | '\t')
}

/// The digits that a pattern asks for, with a star at either end or at none. The error says what is wrong.
pub fn parse(text: &str) -> Result<Pattern, String> {
    let mut rest = text.trim();
    for scheme in ["tel:", "sip:", "sips:"] {
        if rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            rest = rest.get(scheme.len()..).unwrap_or_default();
            break;
        }
    }
    let end = rest.find(['@', ';', '?']).unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or_default().trim();
    let (begins, inner) = match rest.strip_prefix('*') {
        Some(inner) => (false, inner),
        None => (true, rest),
    };
    let (ends, inner) = match inner.strip_suffix('*') {
        Some(inner) => (false, inner),
        None => (true, inner),
    };
    if inner.contains('*') {
        return Err(format!("\"{text}\": a star may only stand at the beginning and at the end of a number"));
    }
    let inner = inner.trim();
    let has_text = !inner.is_empty();
    let inner = inner.strip_prefix('+').unwrap_or(inner);
    if let Some(other) = inner.chars().find(|one| !one.is_ascii_digit() && !is_separator(*one)) {
        return Err(format!("\"{text}\" is no telephone number: it has a \"{other}\""));
    }
    let digits: Vec<u8> = inner.bytes().filter(u8::is_ascii_digit).collect();
    // Behind a star the first digits need not be the beginning of a number.
    let digits = if begins { without_international_prefix(&digits).to_vec() } else { digits };
    if digits.is_empty() && (begins || has_text) {
        return Err(format!("\"{text}\" is no telephone number: no digits are left of it"));
    }
    if digits.len() > MOST_DIGITS {
        return Err(format!("\"{text}\" has more than {MOST_DIGITS} digits"));
    }
    let mut pattern = Vec::with_capacity(digits.len() + 2);
    if !begins {
        pattern.push(b'*');
    }
    pattern.extend_from_slice(&digits);
    if !ends {
        pattern.push(b'*');
    }
    Ok(Pattern::parse(&pattern, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_reduced_to_digits() {
        for (text, expected) in [
            ("+49123456789", "49123456789"),
            ("0049*", "49*"),
            ("110", "110"),
            ("011149123456", "149123456"),
            ("+49 (151) 234-5678", "491512345678"),
            ("sip:+491@x;user=phone", "491"),
            ("TEL:+49-151;isub=12", "49151"),
            ("*456789", "*456789"),
            ("*0049*", "*0049*"),
            ("*", "*"),
            ("**", "*"),
        ] {
            let expected = Pattern::parse(expected.as_bytes(), false);
            let parsed = parse(text).unwrap();
            assert_eq!(parsed.shape(), expected.shape(), "{text}");
        }
        for text in [
            "", "00", "011", "+", "alice", "alice1", "49*151", "00*", "++49", "49+1", "tel:", "4é9", "*+",
            "*-*",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digits() {
        assert_eq!(Digits::of(b"*31#+49 (1)").as_bytes(), b"31491");
        let long = [&b"9"[..], &[b'1'; MOST_DIGITS]].concat();
        assert_eq!(Digits::of(&long).as_bytes(), [b'1'; MOST_DIGITS]);
        for (number, rest) in [("0049", "49"), ("01149", "49"), ("049", "049"), ("49", "49")] {
            assert_eq!(without_international_prefix(number.as_bytes()), rest.as_bytes());
        }
    }
}
