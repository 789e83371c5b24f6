//! ClientHello and ServerHello of TLS (RFC 8446 section 4.1, RFC 5246 section 7.4.1), as TLS and QUIC carry them, and of
//! DTLS (RFC 9147 section 5.3, RFC 6347 section 4.2).

/// Handshake type of a ClientHello.
pub const CLIENT_HELLO: u8 = 1;
/// Handshake type of a ServerHello.
pub const SERVER_HELLO: u8 = 2;

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Extension types (IANA).
pub mod extension {
    /// RFC 6066.
    pub const SERVER_NAME: u16 = 0;
    /// RFC 8422.
    pub const SUPPORTED_GROUPS: u16 = 10;
    /// RFC 8422.
    pub const EC_POINT_FORMATS: u16 = 11;
    /// RFC 8446.
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    /// RFC 7301.
    pub const ALPN: u16 = 16;
    /// RFC 8446.
    pub const SUPPORTED_VERSIONS: u16 = 43;
}

/// A ClientHello or ServerHello, or as much of it as there is.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    is_client: bool,
    is_whole: bool,
    is_retry: bool,
    is_datagram: bool,
    legacy_version: u16,
    cipher_suite: Option<u16>,
    cipher_suites: &'a [u8],
    extensions: &'a [u8],
}

/// Bytes being taken from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }
}

impl<'a> Hello<'a> {
    /// Reads a handshake message from its type on. `None` if it is no hello, or contradicts itself; what is missing at
    /// the end does not.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        Self::parse_behind(message, false)
    }

    /// The same for DTLS, from its first fragment: what other ones have of it is missing.
    pub fn parse_datagram(message: &'a [u8]) -> Option<Self> {
        Self::parse_behind(message, true)
    }

    fn parse_behind(message: &'a [u8], is_datagram: bool) -> Option<Self> {
        let mut reader = Reader(message);
        let is_client = match reader.u8()? {
            CLIENT_HELLO => true,
            SERVER_HELLO => false,
            _ => return None,
        };
        let [a, b, c] = reader.array()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        // Version, random, session id, cipher suite and compression at least; a hello of more than 64 KiB does not occur.
        if a != 0 || length < if is_client { 41 } else { 38 } {
            return None;
        }
        if is_datagram {
            // Number of the message, offset and length of the fragment (RFC 6347 section 4.2.2).
            let [_, _, 0, 0, 0, 0, high, low] = reader.array()? else { return None };
            let fragment = usize::from(u16::from_be_bytes([high, low]));
            reader = Reader(reader.0.get(..fragment).unwrap_or(reader.0));
        }
        let is_whole = reader.0.len() >= length;
        let mut reader = Reader(reader.0.get(..length).unwrap_or(reader.0));
        let legacy_version = reader.u16()?;
        let is_known = match is_datagram {
            true => matches!(legacy_version, 0xfefd | 0xfeff | 0x0100),
            // Early drafts of TLS 1.3 had its own version here.
            false => (0x0300..=0x0304).contains(&legacy_version),
        };
        if !is_known {
            return None;
        }
        let mut hello = Self {
            is_client,
            is_whole,
            is_retry: false,
            is_datagram,
            legacy_version,
            cipher_suite: None,
            cipher_suites: &[],
            extensions: &[],
        };
        match hello.read_body(&mut reader) {
            Body::Read => Some(hello),
            Body::Short if !is_whole => Some(hello),
            Body::Short | Body::Wrong => None,
        }
    }

    fn read_body(&mut self, reader: &mut Reader<'a>) -> Body {
        let Some(random) = reader.array() else { return Body::Short };
        self.is_retry = !self.is_client && random == RETRY_RANDOM;
        let Some(session_length) = reader.u8() else { return Body::Short };
        if session_length > 32 {
            return Body::Wrong;
        }
        if reader.take(session_length.into()).is_none() {
            return Body::Short;
        }
        if self.is_client && self.is_datagram {
            // The cookie of DTLS, with which the client shows that it is where it says.
            let Some(cookie_length) = reader.u8() else { return Body::Short };
            if reader.take(cookie_length.into()).is_none() {
                return Body::Short;
            }
        }
        if self.is_client {
            let Some(ciphers) = reader.u16() else { return Body::Short };
            if ciphers == 0 || ciphers % 2 != 0 {
                return Body::Wrong;
            }
            let Some(ciphers) = reader.take(ciphers.into()) else { return Body::Short };
            self.cipher_suites = ciphers;
            let Some(compressions) = reader.u8() else { return Body::Short };
            if compressions == 0 {
                return Body::Wrong;
            }
            if reader.take(compressions.into()).is_none() {
                return Body::Short;
            }
        } else {
            self.cipher_suite = reader.u16();
            if reader.u8().is_none() {
                return Body::Short;
            }
        }
        // Before TLS 1.2 there may be no extensions at all.
        if reader.0.is_empty() && self.is_whole {
            return Body::Read;
        }
        let Some(length) = reader.u16() else { return Body::Short };
        if self.is_whole && usize::from(length) != reader.0.len() {
            return Body::Wrong;
        }
        self.extensions = reader.0;
        Body::Read
    }

    /// Whether it is a ClientHello.
    pub fn is_client(&self) -> bool {
        self.is_client
    }

    /// Whether all of it is there.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether it is a HelloRetryRequest.
    pub fn is_retry(&self) -> bool {
        self.is_retry
    }

    /// The cipher suite that the server chose.
    pub fn cipher_suite(&self) -> Option<u16> {
        self.cipher_suite
    }

    /// The cipher suites that the client offers, GREASE included.
    pub fn cipher_suites(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.cipher_suites.as_chunks().0.iter().map(|two| u16::from_be_bytes(*two))
    }

    /// The version in front, which later versions do not change (RFC 8446 section 4.1.2).
    pub fn legacy_version(&self) -> u16 {
        self.legacy_version
    }

    /// Type and body of each extension, in the order on the wire.
    pub fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut reader = Reader(self.extensions);
        std::iter::from_fn(move || {
            let (kind, length) = (reader.u16()?, reader.u16()?);
            Some((kind, reader.take(length.into())?))
        })
    }

    /// The numbers of 16 bits in an extension, behind a length of `prefix` bytes.
    pub fn list(&self, kind: u16, prefix: usize) -> impl Iterator<Item = u16> + use<'a> {
        let body = self.extension(kind).and_then(|body| body.get(prefix..)).unwrap_or_default();
        body.as_chunks().0.iter().map(|two| u16::from_be_bytes(*two))
    }

    /// The highest version that the client offers, or the one that the server chose (RFC 8446 section 4.2.1).
    pub fn version(&self) -> u16 {
        let Some(body) = self.extension(extension::SUPPORTED_VERSIONS) else { return self.legacy_version };
        let mut reader = Reader(body);
        if !self.is_client {
            return reader.u16().unwrap_or(self.legacy_version);
        }
        reader.u8();
        let offered = std::iter::from_fn(|| reader.u16()).filter(|version| !is_grease(*version));
        match self.is_datagram {
            // Counted down (RFC 6347 section 4.1).
            true => offered.filter(|version| version >> 8 == 0xfe).min(),
            false => offered.max(),
        }
        .unwrap_or(self.legacy_version)
    }

    /// The host name that the client asks for (RFC 6066 section 3).
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut reader = Reader(self.extension(extension::SERVER_NAME)?);
        reader.u16()?;
        let (kind, length) = (reader.u8()?, reader.u16()?);
        reader.take(length.into()).filter(|name| kind == 0 && !name.is_empty())
    }

    /// The application protocols in the order of preference, GREASE left out (RFC 7301 section 3.1, RFC 8701).
    pub fn application_protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.all_application_protocols().filter(|name| !matches!(name, [a, b] if a == b && a & 0x0f == 0x0a))
    }

    /// The first application protocol, whatever it is.
    pub fn first_application_protocol(&self) -> Option<&'a [u8]> {
        self.all_application_protocols().next()
    }

    fn all_application_protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader(self.extension(extension::ALPN).unwrap_or_default());
        reader.u16();
        std::iter::from_fn(move || {
            let length = reader.u8()?;
            reader.take(length.into())
        })
    }

    /// The body of an extension.
    pub fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        self.extensions().find_map(|(kind, body)| (kind == wanted).then_some(body))
    }
}

enum Body {
    Read,
    Short,
    Wrong,
}

/// Values reserved to keep peers tolerant (RFC 8701).
pub fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// Name of a protocol version.
pub fn version_name(version: u16) -> Option<&'static str> {
    Some(match version {
        0x0002 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        // Drafts of TLS 1.3.
        0x7f00..=0x7fff => "TLS 1.3",
        _ => return None,
    })
}
