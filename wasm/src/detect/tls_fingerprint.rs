//! Fingerprints of TLS hellos: JA3 and JA3S (as Salesforce published them), JA4 (as FoxIO published it).

use md5::Md5;
use sha2::{Digest, Sha256};

use super::tls_hello::{Hello, extension, is_grease};

/// Characters of a JA3 or JA3S.
pub const JA3_LENGTH: usize = 32;
/// Characters of a JA4.
pub const JA4_LENGTH: usize = 36;
/// Extensions and algorithms of a hello that count; further ones are left out.
const MOST_VALUES: usize = 512;

/// What carries a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP.
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Datagram,
}

/// JA3 of a ClientHello: MD5 of version, ciphers, extensions, groups and point formats, each in decimal and in the order
/// on the wire, without GREASE. The version is that of the hello itself, not that of the extension.
pub fn ja3(hello: &Hello) -> [u8; JA3_LENGTH] {
    let mut text = Decimal::default();
    text.put(hello.legacy_version());
    text.end_list();
    hello.cipher_suites().filter(|value| !is_grease(*value)).for_each(|value| text.put(value));
    text.end_list();
    hello
        .extensions()
        .map(|(kind, _)| kind)
        .filter(|value| !is_grease(*value))
        .for_each(|value| text.put(value));
    text.end_list();
    hello
        .list(extension::SUPPORTED_GROUPS, 2)
        .filter(|value| !is_grease(*value))
        .for_each(|value| text.put(value));
    text.end_list();
    for format in
        hello.extension(extension::EC_POINT_FORMATS).and_then(|body| body.get(1..)).unwrap_or_default()
    {
        text.put((*format).into());
    }
    text.finish()
}

/// JA3S of a ServerHello: MD5 of version, cipher and extensions.
pub fn ja3s(hello: &Hello) -> [u8; JA3_LENGTH] {
    let mut text = Decimal::default();
    text.put(hello.legacy_version());
    text.end_list();
    text.put(hello.cipher_suite().unwrap_or_default());
    text.end_list();
    hello.extensions().for_each(|(kind, _)| text.put(kind));
    text.finish()
}

/// JA4 of a ClientHello.
pub fn ja4(hello: &Hello, transport: Transport) -> [u8; JA4_LENGTH] {
    let mut out = [b'0'; JA4_LENGTH];
    let mut ciphers = Values::default();
    hello.cipher_suites().filter(|value| !is_grease(*value)).for_each(|value| ciphers.push(value));
    let mut extensions = Values::default();
    let (mut extension_count, mut has_name) = (0u32, false);
    for (kind, _) in hello.extensions().filter(|(kind, _)| !is_grease(*kind)) {
        extension_count += 1;
        has_name |= kind == extension::SERVER_NAME;
        if kind != extension::SERVER_NAME && kind != extension::ALPN {
            extensions.push(kind);
        }
    }
    let cipher_count = hello.cipher_suites().filter(|value| !is_grease(*value)).count().min(99) as u8;
    let extension_count = extension_count.min(99) as u8;
    let version = version_code(hello.version());
    let [first, last] = protocol_code(hello);
    let start = [
        match transport {
            Transport::Tcp => b't',
            Transport::Quic => b'q',
            Transport::Datagram => b'd',
        },
        version[0],
        version[1],
        if has_name { b'd' } else { b'i' },
        b'0' + cipher_count / 10,
        b'0' + cipher_count % 10,
        b'0' + extension_count / 10,
        b'0' + extension_count % 10,
        first,
        last,
        b'_',
    ];
    ciphers.sort();
    let has_extensions = extensions.count > 0;
    extensions.sort();
    let cipher_hash =
        hash_part(ciphers.count > 0, |hasher| put_list(hasher, ciphers.as_slice().iter().copied()));
    let extension_hash = hash_part(has_extensions, |hasher| {
        put_list(hasher, extensions.as_slice().iter().copied());
        let mut algorithms =
            hello.list(extension::SIGNATURE_ALGORITHMS, 2).filter(|value| !is_grease(*value)).peekable();
        if algorithms.peek().is_some() {
            hasher.update(b"_");
            put_list(hasher, algorithms);
        }
    });
    let all = start.iter().chain(&cipher_hash).chain(b"_").chain(&extension_hash);
    out.iter_mut().zip(all).for_each(|(place, character)| *place = *character);
    out
}

fn version_code(version: u16) -> [u8; 2] {
    *match version {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    }
}

/// First and last character of the first application protocol, or of its hexadecimal text where one of them is none.
fn protocol_code(hello: &Hello) -> [u8; 2] {
    let Some(name) = hello.first_application_protocol() else { return *b"00" };
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return *b"00" };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last];
    }
    [hex_digit(first >> 4), hex_digit(last & 15)]
}

/// Twelve digits of a SHA-256, or zeros.
fn hash_part(is_there: bool, write: impl FnOnce(&mut Sha256)) -> [u8; 12] {
    let mut out = [b'0'; 12];
    if is_there {
        let mut hasher = Sha256::new();
        write(&mut hasher);
        write_hex(&hasher.finalize(), &mut out);
    }
    out
}

fn put_list(hasher: &mut Sha256, values: impl Iterator<Item = u16>) {
    for (number, value) in values.enumerate() {
        if number > 0 {
            hasher.update(b",");
        }
        hasher.update([12, 8, 4, 0].map(|shift| hex_digit((value >> shift) as u8 & 15)));
    }
}

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    for (pair, byte) in out.chunks_mut(2).zip(bytes) {
        pair.iter_mut().zip([byte >> 4, byte & 15]).for_each(|(place, digit)| *place = hex_digit(digit));
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// Numbers to be sorted.
struct Values {
    values: [u16; MOST_VALUES],
    count: usize,
}

impl Default for Values {
    fn default() -> Self {
        Self { values: [0; MOST_VALUES], count: 0 }
    }
}

impl Values {
    fn push(&mut self, value: u16) {
        if let Some(place) = self.values.get_mut(self.count) {
            *place = value;
            self.count += 1;
        }
    }

    fn as_slice(&self) -> &[u16] {
        self.values.get(..self.count).unwrap_or_default()
    }

    fn sort(&mut self) {
        self.values.get_mut(..self.count).unwrap_or_default().sort_unstable();
    }
}

/// Lists of decimal numbers on their way into MD5.
#[derive(Default)]
struct Decimal {
    hasher: Md5,
    in_list: bool,
}

impl Decimal {
    fn put(&mut self, value: u16) {
        if std::mem::replace(&mut self.in_list, true) {
            self.hasher.update(b"-");
        }
        let (mut digits, mut start, mut rest) = ([b'0'; 5], 5, value);
        loop {
            start -= 1;
            if let Some(digit) = digits.get_mut(start) {
                *digit = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 || start == 0 {
                break;
            }
        }
        self.hasher.update(digits.get(start..).unwrap_or_default());
    }

    fn end_list(&mut self) {
        self.hasher.update(b",");
        self.in_list = false;
    }

    fn finish(self) -> [u8; JA3_LENGTH] {
        let mut out = [0; JA3_LENGTH];
        write_hex(&self.hasher.finalize(), &mut out);
        out
    }
}
