//! Header fields of HTTP/2 (HPACK, RFC 7541), without the dynamic table: what refers to it is left out.

/// Longest value in bytes that is read; the rest is cut.
const MOST_VALUE: usize = 256;

/// Fields that are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `:authority`.
    Authority,
    /// `:method`.
    Method,
    /// `:path`.
    Path,
    /// `:status`.
    Status,
    /// `content-type`.
    ContentType,
    /// `user-agent`.
    UserAgent,
    /// `server`.
    Server,
    /// Any other.
    Other,
}

/// Name, and value where the static table has one, of an index (RFC 7541 appendix A).
fn static_entry(index: usize) -> (Name, &'static [u8]) {
    match index {
        1 => (Name::Authority, b""),
        2 => (Name::Method, b"GET"),
        3 => (Name::Method, b"POST"),
        4 => (Name::Path, b"/"),
        5 => (Name::Path, b"/index.html"),
        8 => (Name::Status, b"200"),
        9 => (Name::Status, b"204"),
        10 => (Name::Status, b"206"),
        11 => (Name::Status, b"304"),
        12 => (Name::Status, b"400"),
        13 => (Name::Status, b"404"),
        14 => (Name::Status, b"500"),
        31 => (Name::ContentType, b""),
        54 => (Name::Server, b""),
        58 => (Name::UserAgent, b""),
        _ => (Name::Other, b""),
    }
}

fn literal_name(name: &[u8]) -> Name {
    match name {
        b":authority" => Name::Authority,
        b":method" => Name::Method,
        b":path" => Name::Path,
        b":status" => Name::Status,
        b"content-type" => Name::ContentType,
        b"user-agent" => Name::UserAgent,
        b"server" => Name::Server,
        _ => Name::Other,
    }
}

/// Shows each field of a header block to `visit`, as far as the block goes. Values that cannot be read are empty.
pub fn visit_fields(mut block: &[u8], mut visit: impl FnMut(Name, &[u8])) {
    let (mut name_buffer, mut value_buffer) = ([0; MOST_VALUE], [0; MOST_VALUE]);
    while let Some(&first) = block.first() {
        let prefix = match first {
            0x80.. => 7,
            0x40.. => 6,
            0x20.. => 5,
            _ => 4,
        };
        let Some((index, rest)) = integer(block, prefix) else { return };
        block = rest;
        if first & 0xe0 == 0x20 {
            // A new size of the dynamic table.
            continue;
        }
        if first & 0x80 != 0 {
            let (name, value) = static_entry(index);
            visit(name, value);
            continue;
        }
        let mut name = static_entry(index).0;
        if index == 0 {
            let Some((text, rest)) = string(block, &mut name_buffer) else { return };
            (name, block) = (literal_name(text), rest);
        }
        let Some((value, rest)) = string(block, &mut value_buffer) else { return };
        block = rest;
        visit(name, value);
    }
}

/// An integer whose first byte has `prefix` bits of it (RFC 7541 section 5.1).
fn integer(bytes: &[u8], prefix: u32) -> Option<(usize, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let most = (1usize << prefix) - 1;
    let mut value = usize::from(*first) & most;
    if value < most {
        return Some((value, rest));
    }
    for shift in [0, 7, 14] {
        let (byte, after) = rest.split_first()?;
        rest = after;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// A string literal (RFC 7541 section 5.2).
fn string<'b, 'a: 'b>(bytes: &'a [u8], buffer: &'b mut [u8; MOST_VALUE]) -> Option<(&'b [u8], &'a [u8])> {
    let is_huffman = bytes.first()? & 0x80 != 0;
    let (length, rest) = integer(bytes, 7)?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((if is_huffman { decode_huffman(text, buffer) } else { text }, rest))
}

/// The Huffman code as far as printable characters need it: code length in bits, first code, and the characters whose
/// codes follow from there (RFC 7541 appendix B).
const CODES: [(u32, u32, &[u8]); 10] = [
    (5, 0x0, b"012aceiost"),
    (6, 0x14, b" %-./3456789=A_bdfghlmnpru"),
    (7, 0x5c, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, 0xf8, b"&*,;XZ"),
    (10, 0x3f8, b"!\"()?"),
    (11, 0x7fa, b"'+|"),
    (12, 0xffa, b"#>"),
    (13, 0x1ff8, b"\0$@[]~"),
    (14, 0x3ffc, b"^}"),
    (15, 0x7ffc, b"<`{"),
];

/// Decodes as much as fits; nothing where a character is not printable.
fn decode_huffman<'a>(bytes: &[u8], buffer: &'a mut [u8; MOST_VALUE]) -> &'a [u8] {
    let (mut code, mut bits, mut length) = (0u32, 0u32, 0usize);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)) {
        code = code << 1 | u32::from(bit);
        bits += 1;
        if bits > 15 {
            return &[];
        }
        let found = CODES
            .iter()
            .find(|(width, ..)| *width == bits)
            .and_then(|(_, first, characters)| characters.get(code.checked_sub(*first)? as usize));
        let Some(character) = found else { continue };
        let Some(place) = buffer.get_mut(length) else { break };
        *place = *character;
        length += 1;
        (code, bits) = (0, 0);
    }
    buffer.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::from_hex;
    use super::*;

    fn fields(block: &[u8]) -> Vec<(Name, String)> {
        let mut found = Vec::new();
        visit_fields(block, |name, value| found.push((name, String::from_utf8(value.to_vec()).unwrap())));
        found
    }

    #[test]
    fn examples_of_rfc_7541() {
        // Appendix C.3.1 and C.4.1: the same request, plain and with Huffman coding.
        for hex in ["828684410f7777772e6578616d706c652e636f6d", "828684418cf1e3c2e5f23a6ba0ab90f4ff"] {
            let found = fields(&from_hex(hex));
            assert!(found.contains(&(Name::Authority, "www.example.com".into())), "{found:?}");
            assert!(
                found.contains(&(Name::Method, "GET".into())) && found.contains(&(Name::Path, "/".into()))
            );
        }
        // Appendix C.6.1: a response with Huffman coding.
        let found = fields(&from_hex(
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        ));
        assert_eq!(found[0], (Name::Status, "302".into()));
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn any_bytes_end() {
        for first in 0..=255u8 {
            for length in 0..24 {
                visit_fields(&vec![first; length], |_, _| {});
            }
        }
    }
}
