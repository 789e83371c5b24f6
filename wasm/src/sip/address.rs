//! Addresses in header fields (RFC 3261 sections 20.10 and 25.1), and the URIs in them (sections 19.1, RFC 3966).

use crate::detect::text_message::split_at;
use crate::short::{find, find_any};

/// The parts of a list that commas separate, outside of quoted strings and angle brackets; white space around them is
/// taken off.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_element(text);
        let (element, after) = text.split_at_checked(end)?;
        rest = after.get(1..);
        Some(element.trim_ascii())
    })
}

/// The first of them; empty where there is nothing before the first comma.
pub(super) fn first_element(value: &[u8]) -> &[u8] {
    value.get(..end_of_element(value)).unwrap_or_default().trim_ascii()
}

/// Where the first comma is that ends an element, or the end.
fn end_of_element(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(found) = find_any(rest, [b',', b'"', b'<'])
    {
        at += found;
        let rest = rest.get(found..).unwrap_or_default();
        let closing = match rest.first() {
            Some(b'"') => end_of_quoted(rest),
            Some(b'<') => find(rest, b'>'),
            _ => return at,
        };
        let Some(closing) = closing else { break };
        at += closing + 1;
    }
    text.len()
}

/// Where the closing quote of the quoted string at the front is.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        let found = find_any(rest, [b'"', b'\\'])?;
        if rest.get(found) == Some(&b'"') {
            return Some(at + found);
        }
        // An escape has two octets.
        at += found + 2;
    }
}

/// URI and parameters of one address, with or without a display name. Without angle brackets the parameters are those
/// of the header field (RFC 3261 section 20).
pub fn name_address(value: &[u8]) -> (&[u8], &[u8]) {
    let (_, uri, parameters) = parts_of_address(value);
    (uri, parameters)
}

/// Display name with its quotes, URI and parameters.
pub(super) fn parts_of_address(value: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let start = match value.first() {
        Some(b'"') => end_of_quoted(value).map_or(0, |closing| closing + 1),
        _ => 0,
    };
    let rest = value.get(start..).unwrap_or_default();
    let at = if rest.first() == Some(&b'<') { Some(0) } else { find(rest, b'<') };
    match at {
        Some(at) => {
            let address = rest.get(at + 1..).unwrap_or_default();
            let (uri, parameters) = split_at(address, b'>').unwrap_or((address, b""));
            (value.get(..start + at).unwrap_or_default().trim_ascii(), uri.trim_ascii(), parameters)
        }
        None => {
            let (uri, parameters) = split_at(rest, b';').unwrap_or((rest, b""));
            (b"", uri.trim_ascii(), parameters)
        }
    }
}

/// The value of From, To or Contact, or of a like field (RFC 3261 sections 20.10 and 25.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Display name without its quotes; escapes in it stay. Empty where there is none.
    pub display: &'a [u8],
    /// The URI, of any scheme, as written.
    pub uri: &'a [u8],
    /// The parameters of the field, not those of the URI, as written ([`parameter`]).
    pub parameters: &'a [u8],
    /// The tag; empty where there is none.
    pub tag: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one address. What is damaged is read as far as it makes sense.
    pub fn parse(value: &'a [u8]) -> Self {
        Self::plain(value).unwrap_or_else(|| Self::any(value))
    }

    /// An address that is no more than a URI in brackets and perhaps a tag, as mostly, without white space.
    #[inline]
    fn plain(value: &'a [u8]) -> Option<Self> {
        let address = value.strip_prefix(b"<")?;
        let (uri, parameters) = split_at(address, b'>').filter(|(uri, _)| has_no_blank_ends(uri))?;
        let tag = match parameters.strip_prefix(b";tag=") {
            Some(tag) if has_no_blank_ends(tag) && semicolon_or_quote(tag).is_none() => tag,
            None if parameters.is_empty() => parameters,
            _ => return None,
        };
        Some(Self { display: b"", uri, parameters, tag })
    }

    #[inline(never)]
    fn any(value: &'a [u8]) -> Self {
        let (display, uri, parameters) = parts_of_address(value);
        let tag = match parameters.strip_prefix(b";tag=").and_then(plain_value) {
            Some(tag) => tag,
            None => parameter(parameters, b"tag").unwrap_or_default(),
        };
        Self { display: unquoted(display), uri, parameters, tag }
    }
}

/// Whether there is something, without white space or control characters around it.
#[inline]
fn has_no_blank_ends(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'!'..)) && matches!(text.last(), Some(b'!'..))
}

/// Names and values of parameters, as written but for white space around them; a value is empty where there is none.
/// What is before the first semicolon comes first.
pub fn parameters(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (one, after) = text.split_at_checked(end_of_parameter(text))?;
        rest = after.get(1..);
        let (name, value) = split_name(one);
        Some((name.trim_ascii(), value.trim_ascii()))
    })
}

/// Name and value; all that is in quotes is a name.
fn split_name(text: &[u8]) -> (&[u8], &[u8]) {
    match text.trim_ascii_start().first() {
        Some(b'"') => (text, b""),
        _ => split_at(text, b'=').unwrap_or((text, b"")),
    }
}

/// Where the first semicolon outside of quoted strings is, or the end.
#[inline]
fn end_of_parameter(text: &[u8]) -> usize {
    match semicolon_or_quote(text) {
        Some(at) if text.get(at) == Some(&b'"') => end_of_quoted_parameter(text),
        Some(at) => at,
        None => text.len(),
    }
}

/// Where the first of either is.
#[inline]
fn semicolon_or_quote(text: &[u8]) -> Option<usize> {
    find_any(text, [b';', b'"'])
}

fn end_of_quoted_parameter(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.iter().position(|octet| {
        let ends = *octet == b';' && !quoted;
        if *octet == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = *octet == b'\\' && quoted && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// The value of a parameter, without its quotes; empty where it has none. A name has no white space and no equals sign.
pub fn parameter<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    loop {
        let end = end_of_parameter(rest);
        if let Some(value) = rest.get(..end).and_then(|one| value_of(one, name)) {
            return Some(unquoted(value));
        }
        rest = rest.get(end + 1..)?;
    }
}

/// The value at the front, up to the next parameter; none where there are quotes, which [`parameter`] understands.
#[inline]
fn plain_value(text: &[u8]) -> Option<&[u8]> {
    let end = semicolon_or_quote(text).unwrap_or(text.len());
    text.get(..end).filter(|_| text.get(end) != Some(&b'"')).map(<[u8]>::trim_ascii)
}

/// What follows a name and the equals sign, if that is the name.
#[inline]
fn value_of<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.trim_ascii_start().split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    match rest.trim_ascii_start() {
        [] => Some(&[]),
        [b'=', value @ ..] => Some(value),
        _ => None,
    }
}

/// Without quotes around it. Escapes in it stay as they are.
pub fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value.strip_prefix(b"\"").map_or(value, |inner| inner.strip_suffix(b"\"").unwrap_or(inner))
}

/// The pieces of what a token or a quoted string says: without quotes and the backslashes of escapes.
pub fn unescaped(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inner = unquoted(text);
    let is_quoted = inner.len() < text.len();
    let mut rest = inner;
    let mut start = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let from = rest.get(start..).unwrap_or_default();
        let end = memchr::memchr(b'\\', from).filter(|_| is_quoted).map_or(rest.len(), |at| start + at);
        let (piece, after) = rest.split_at_checked(end)?;
        // The octet behind a backslash is a part of the next piece, whatever it is.
        (rest, start) = (after.get(1..).unwrap_or_default(), 1);
        Some(piece)
    })
}

/// Whom a URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// A tel URI: the user is a telephone number, and there is no host.
    pub is_tel: bool,
    /// The user without password and parameters, as written; empty where there is none.
    pub user: &'a [u8],
    /// Name or address of the host, without port and without parameters, as written.
    pub host: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a sip, sips or tel URI; none of another scheme.
    pub fn parse(uri: &'a [u8]) -> Option<Self> {
        let uri = uri.trim_ascii();
        if let Some(([b's' | b'S', b'i' | b'I', b'p' | b'P', b':'], rest)) = uri.split_first_chunk() {
            return Some(Self::of_sip(rest));
        }
        let (scheme, rest) = split_at(uri, b':')?;
        if scheme.eq_ignore_ascii_case(b"tel") {
            return Some(Self { is_tel: true, user: until(rest, [b';', b'?']), host: b"" });
        }
        scheme.eq_ignore_ascii_case(b"sips").then(|| Self::of_sip(rest))
    }

    /// The user of a URI, where [`Self::parse`] finds a URI.
    pub fn user_of(uri: &'a [u8]) -> Option<&'a [u8]> {
        match uri.strip_prefix(b"sip:").and_then(|rest| split_at(rest, b'@')) {
            Some((user_info, _)) => Some(user_in(user_info)),
            None => Self::parse(uri).map(|uri| uri.user),
        }
    }

    /// What follows the scheme.
    #[inline]
    fn of_sip(rest: &'a [u8]) -> Self {
        // Whatever else may stand in a URI, an `@` is escaped there.
        let (user_info, rest) = split_at(rest, b'@').unwrap_or((b"", rest));
        Self { is_tel: false, user: user_in(user_info), host: host_of(rest) }
    }

    /// Appends the user: escapes decoded (RFC 3261 section 19.1.2), visual separators of a tel URI left out (RFC 3966
    /// section 5.1.1), letters of ASCII in lower case. True for a [number](is_separated_number) that has separators still.
    pub fn write_user(&self, out: &mut Vec<u8>) -> bool {
        if !self.is_tel && find_any(self.user, [b'%', b'-', b'.', b'(']).is_none() {
            out.extend(self.user.iter().map(u8::to_ascii_lowercase));
            return false;
        }
        self.write_unusual_user(out)
    }

    #[cold]
    #[inline(never)]
    fn write_unusual_user(&self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        write_decoded(self.user, self.is_tel, out);
        !self.is_tel && out.get(start..).is_some_and(is_separated_number)
    }

    /// Appends `user@host`, or what there is of it, in lower case. True as with [`Self::write_user`].
    pub fn write_address(&self, out: &mut Vec<u8>) -> bool {
        let is_separated = self.write_user(out);
        if !self.user.is_empty() && !self.host.is_empty() {
            out.push(b'@');
        }
        out.extend(self.host.iter().map(u8::to_ascii_lowercase));
        is_separated
    }
}

/// Whether `user` is a telephone number with visual separators (RFC 3966 section 5.1.1) in it, and nothing else; a user
/// of a SIP URI may be one (RFC 3261 section 19.1.6).
pub fn is_separated_number(user: &[u8]) -> bool {
    let digits = user.strip_prefix(b"+").unwrap_or(user);
    (digits.len() < user.len() || matches!(digits.first(), Some(b'0'..=b'9' | b'(')))
        && digits.iter().all(|octet| octet.is_ascii_digit() || is_separator(*octet))
        && digits.iter().any(u8::is_ascii_digit)
        && digits.iter().any(|octet| is_separator(*octet))
}

/// Visual separators of telephone numbers (RFC 3966 section 5.1.1).
pub fn is_separator(octet: u8) -> bool {
    matches!(octet, b'-' | b'.' | b'(' | b')')
}

/// The host of what follows the user: no port, no parameters, no header fields, no final dot.
pub fn host_of(text: &[u8]) -> &[u8] {
    if text.first() == Some(&b'[') {
        // An IPv6 address keeps its brackets (RFC 3261 section 25.1, IPv6reference).
        return memchr::memchr(b']', text).and_then(|end| text.get(..=end)).unwrap_or(text);
    }
    let host = until(text, [b':', b';', b'?', b'>']);
    host.strip_suffix(b".").unwrap_or(host)
}

/// Without password, parameters and header fields.
#[inline]
fn user_in(user_info: &[u8]) -> &[u8] {
    until(user_info, [b':', b';', b'?'])
}

#[inline]
fn until<const N: usize>(text: &[u8], ends: [u8; N]) -> &[u8] {
    find_any(text, ends).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Appends `text` in lower case with its escapes decoded.
pub fn write_decoded(text: &[u8], is_number: bool, out: &mut Vec<u8>) {
    if !is_number && memchr::memchr(b'%', text).is_none() {
        return out.extend(text.iter().map(u8::to_ascii_lowercase));
    }
    let octets = decoded(text).filter(|octet| !is_number || !is_separator(*octet));
    out.extend(octets.map(|octet| octet.to_ascii_lowercase()));
}

/// The octets of a part of a URI, escapes decoded (RFC 3986 section 2.1).
pub fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (octet, after) = rest.split_first()?;
        rest = after;
        if *octet == b'%'
            && let Some((&[high, low], after)) = after.split_first_chunk()
            && let (Some(high), Some(low)) = (hexadecimal(high), hexadecimal(low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        Some(*octet)
    })
}

fn hexadecimal(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User and `user@host` of a header field's value.
    fn texts(value: &str) -> Option<(String, String)> {
        let uri = name_address(value.as_bytes()).0;
        assert_eq!(Uri::user_of(uri), Uri::parse(uri).map(|uri| uri.user), "{value}");
        let uri = Uri::parse(uri)?;
        let (mut user, mut address) = (Vec::new(), Vec::new());
        uri.write_user(&mut user);
        uri.write_address(&mut address);
        Some((String::from_utf8(user).unwrap(), String::from_utf8(address).unwrap()))
    }

    #[test]
    fn plain_addresses_are_read_like_others() {
        let mut plain = 0;
        for before in ["", " ", "A ", "\"A\" ", "\"<\""] {
            for uri in
                ["", "sip:a@b", " sip:a@b", "sip:a@b ", "sip:a;tag=1@b", "sip:a<b", "tel:+1;x=\"y\"", "*"]
            {
                for after in [
                    "",
                    " ",
                    ";tag=1",
                    ";tag=",
                    ";tag= 1",
                    ";tag=1 ",
                    ";tag=\"1\"",
                    ";tag=1;x",
                    ";x;tag=1",
                    ";TAG=1",
                    ">;tag=2",
                ] {
                    let value = format!("{before}<{uri}>{after}");
                    let Some(address) = NameAddr::plain(value.as_bytes()) else { continue };
                    assert_eq!(address, NameAddr::any(value.as_bytes()), "{value}");
                    plain += 1;
                }
            }
        }
        assert!(plain >= 10, "{plain}");
        for value in ["", "<", "<>", "<sip:a@b", "sip:a@b;tag=1"] {
            assert_eq!(NameAddr::plain(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn vectors() {
        for (value, user, address) in [
            ("Alicent <sip:alicent@domain.com>;tag=123", "alicent", "alicent@domain.com"),
            ("sip:robb@example.org", "robb", "robb@example.org"),
            ("<sips:+49123@x.net:5061;transport=tls>;tag=a;b=c", "+49123", "+49123@x.net"),
            (r#""sip:fake@x" <sip:real@y>"#, "real", "real@y"),
            ("<SIP:Alice@Example.com>;TAG=Zz", "alice", "alice@example.com"),
            ("<tel:+4915112345678>;tag=9", "+4915112345678", "+4915112345678"),
            ("<tel:+49-151-(234).5;ext=9>", "+491512345", "+491512345"),
            ("<sip:example.com>;foo=a@b", "", "example.com"),
            (r#""A <b" <sip:c@d>;tag=1"#, "c", "c@d"),
            (r#""A \"<sip:x@y>\"" <sip:c@d>"#, "c", "c@d"),
            ("<sip:a@b> ; tag=77", "a", "a@b"),
            ("<sip:a@b?subject=x;tag=5>", "a", "a@b"),
            ("<sip:%2B49123;phone-context=x@h>", "+49123", "+49123@h"),
            ("sip:host.example", "", "host.example"),
            ("<sip:a:secret@[2001:DB8::1]:5060;lr>", "a", "a@[2001:db8::1]"),
            ("<sip:a%4@b.>", "a%4", "a@b".replace('a', "a%4").as_str()),
            ("sip:bob@x;tag=1", "bob", "bob@x"),
            ("<sip:*31#49@x>", "*31#49", "*31#49@x"),
        ] {
            assert_eq!(texts(value), Some((user.to_owned(), address.to_owned())), "{value}");
        }
        for value in ["", "<mailto:a@b>", "*", "<>", "nonsense"] {
            assert_eq!(texts(value), None, "{value}");
        }
    }

    #[test]
    fn lists() {
        let parts: Vec<&[u8]> = list(br#""a, \"b" <sip:a,b@c>;x="1" , <tel:1>,"#).collect();
        assert_eq!(parts, [&br#""a, \"b" <sip:a,b@c>;x="1""#[..], b"<tel:1>", b""]);
    }

    #[test]
    fn parameters() {
        let text = br#";q=1; +SIP.instance="<urn:x;y>" ;flag;last = z"#;
        assert_eq!(parameter(text, b"+sip.instance"), Some(&b"<urn:x;y>"[..]));
        assert_eq!(parameter(text, b"flag"), Some(&b""[..]));
        assert_eq!(parameter(text, b"LAST"), Some(&b"z"[..]));
        assert_eq!(parameter(text, b"y"), None);
    }
}
