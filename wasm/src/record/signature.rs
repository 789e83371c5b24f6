//! Why a stream is not a capture: its first bytes, and what they look like.

use std::fmt;

const SHOWN: usize = 16;

/// A stream that is neither pcap nor pcapng. Its text is one line for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACapture {
    begins_with: [u8; SHOWN],
    length: usize,
}

impl NotACapture {
    pub(super) fn new(stream: &[u8]) -> Self {
        let mut begins_with = [0; SHOWN];
        for (to, from) in begins_with.iter_mut().zip(stream) {
            *to = *from;
        }
        Self { begins_with, length: stream.len().min(SHOWN) }
    }

    fn bytes(&self) -> &[u8] {
        self.begins_with.get(..self.length).unwrap_or_default()
    }

    fn looks_like(&self) -> Option<&'static str> {
        const SIGNATURES: [(&[u8], &str); 19] = [
            (b"\xd4\xc3\xb2\xa1", "pcap, but its file header is cut short"),
            (b"\xa1\xb2\xc3\xd4", "pcap, but its file header is cut short"),
            (b"\x4d\x3c\xb2\xa1", "pcap, but its file header is cut short"),
            (b"\xa1\xb2\x3c\x4d", "pcap, but its file header is cut short"),
            (b"\x34\xcd\xb2\xa1", "pcap, but its file header is cut short"),
            (b"\xa1\xb2\xcd\x34", "pcap, but its file header is cut short"),
            (b"\x0a\x0d\x0d\x0a", "pcapng, but its section header is damaged"),
            (b"\x7fELF", "ELF"),
            (b"\x1f\x8b", "gzip"),
            (b"PK\x03\x04", "zip"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"\xfd7zXZ", "xz"),
            (b"BZh", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"snoop\0", "snoop"),
            (b"\x89PNG", "PNG"),
            (b"%PDF", "PDF"),
            (b"MZ", "a Windows program"),
            (b"RTSS", "Network Monitor"),
        ];
        let bytes = self.bytes();
        let known =
            SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|(_, name)| *name);
        known.or_else(|| {
            bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')).then_some("text")
        })
    }
}

impl fmt::Display for NotACapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == 0 {
            return f.write_str("not a capture file: it is empty");
        }
        f.write_str("not a capture file: it begins with")?;
        for byte in self.bytes().iter().take(4) {
            write!(f, " {byte:02x}")?;
        }
        match self.looks_like() {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}
