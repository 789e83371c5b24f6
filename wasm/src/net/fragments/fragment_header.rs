//! What a fragment says about its place in its datagram, IPv4 (RFC 791) and IPv6 (RFC 8200 section 4.5).

use crate::net::{Packet, protocol, rewrite};

const IPV6_HEADER_LENGTH: usize = 40;
const FRAGMENT_HEADER_LENGTH: usize = 8;
/// Longest IPv4 packet, and longest payload of an IPv6 packet, bytes.
const MOST_BYTES: usize = 65_535;

/// Which datagram a fragment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    source: u128,
    destination: u128,
    context: u64,
    identification: u32,
    pub(super) version: u8,
    /// The IPv4 protocol; 0 in IPv6, where later fragments may name another header than the first.
    protocol: u8,
}

/// Why a fragment can not be put into its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The capture ends before the fragment does.
    Cut,
    /// Not the last one, and its length is no multiple of 8 bytes.
    Unaligned,
    /// It ends beyond the longest packet.
    TooLong,
}

/// A fragment's place in its frame and in its datagram, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct FragmentHeader {
    pub(super) key: Key,
    /// Where the fragment's data begins in the frame.
    pub(super) payload_at: usize,
    /// Length of the fragment's data, without what the link layer padded.
    pub(super) length: usize,
    /// Place of the data in the datagram.
    pub(super) offset: usize,
    /// Whether more fragments follow.
    pub(super) more: bool,
    /// Where the Next Header field that names the IPv6 fragment header is, and what that header names.
    pub(super) next_header: Option<(usize, u8)>,
    pub(super) unfit: Option<Unfit>,
}

impl FragmentHeader {
    /// Reads the innermost IP header of `packet`. `None` unless it is a fragment with something in it.
    pub(super) fn read(packet: &Packet<'_>, frame: &[u8], context: u64) -> Option<Self> {
        let at = packet.network_offset as usize;
        match frame.get(at)? >> 4 {
            4 => Self::ipv4(frame, at, context),
            6 => Self::ipv6(frame, at, context),
            _ => None,
        }
    }

    fn ipv4(frame: &[u8], at: usize, context: u64) -> Option<Self> {
        let &[first, _, t0, t1, i0, i1, f0, f1, _, protocol, _, _, ref addresses @ ..] =
            frame.get(at..)?.first_chunk::<20>()?;
        let header_length = usize::from(first & 0xf) * 4;
        let fields = u16::from_be_bytes([f0, f1]);
        let (source, destination) = addresses.split_at(4);
        let address = |octets: &[u8]| octets.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets));
        let key = Key {
            source: address(source).into(),
            destination: address(destination).into(),
            context,
            identification: u16::from_be_bytes([i0, i1]).into(),
            version: 4,
            protocol,
        };
        let mut fragment = Self {
            key,
            payload_at: at + header_length,
            length: usize::from(u16::from_be_bytes([t0, t1])).checked_sub(header_length)?,
            offset: usize::from(fields & 0x1fff) * 8,
            more: fields & 0x2000 != 0,
            next_header: None,
            unfit: None,
        };
        fragment.judge(frame, header_length, header_length >= 20)
    }

    fn ipv6(frame: &[u8], at: usize, context: u64) -> Option<Self> {
        let &[_, _, _, _, l0, l1, _, _, ref addresses @ ..] = frame.get(at..)?.first_chunk::<40>()?;
        let chain = rewrite::header_chain(frame, at)?;
        let &[next, _, f0, f1, i0, i1, i2, i3] = frame.get(chain.at..)?.first_chunk::<8>()?;
        let extensions = chain.at.checked_sub(at + IPV6_HEADER_LENGTH)?;
        let fields = u16::from_be_bytes([f0, f1]);
        let (source, destination) = addresses.split_at(16);
        let address = |octets: &[u8]| octets.first_chunk().map_or(0, |octets| u128::from_be_bytes(*octets));
        let key = Key {
            source: address(source),
            destination: address(destination),
            context,
            identification: u32::from_be_bytes([i0, i1, i2, i3]),
            version: 6,
            protocol: 0,
        };
        let mut fragment = Self {
            key,
            payload_at: chain.at + FRAGMENT_HEADER_LENGTH,
            length: usize::from(u16::from_be_bytes([l0, l1]))
                .checked_sub(extensions + FRAGMENT_HEADER_LENGTH)?,
            offset: usize::from(fields & 0xfff8),
            more: fields & 1 != 0,
            next_header: Some((chain.named_at, next)),
            unfit: None,
        };
        fragment.judge(frame, extensions, chain.header == protocol::FRAGMENT)
    }

    /// Whether the fragment can be used; `headers` are the bytes that count towards the longest packet.
    fn judge(&mut self, frame: &[u8], headers: usize, sound: bool) -> Option<Self> {
        if !sound || self.length == 0 || (self.offset == 0 && !self.more) {
            return None;
        }
        let payload_end = self.payload_at + self.length;
        self.unfit = if headers + self.offset + self.length > MOST_BYTES {
            Some(Unfit::TooLong)
        } else if self.more && !self.length.is_multiple_of(8) && (self.key.version == 6 || self.length < 8) {
            Some(Unfit::Unaligned)
        } else if payload_end > frame.len() {
            Some(Unfit::Cut)
        } else {
            None
        };
        if self.more && self.unfit.is_none() {
            // IPv4: the surplus can not be placed; receivers leave it out as well.
            self.length &= !7;
        }
        Some(*self)
    }

    /// The fragment's data. Empty if it is cut.
    pub(super) fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.payload_at..self.payload_at + self.length).unwrap_or_default()
    }
}
