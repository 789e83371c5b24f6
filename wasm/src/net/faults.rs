//! What can be wrong with a frame.

use std::ops::{BitOr, BitOrAssign};

/// Set of things that are wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Faults(u16);

impl Faults {
    /// The capture ends before the end of a header.
    pub const HEADER_CUT: Self = Self(1);
    /// The version of the IP header is not the one announced, or neither 4 nor 6.
    pub const IP_VERSION: Self = Self(2);
    /// IPv4 header length below 20 bytes or beyond the packet.
    pub const IP_HEADER_LENGTH: Self = Self(4);
    /// IP total length too small for the IP header, or, as far as that can be told, beyond the frame.
    pub const IP_TOTAL_LENGTH: Self = Self(8);
    /// An IPv6 extension header reaches beyond the packet.
    pub const EXTENSION_LENGTH: Self = Self(16);
    /// UDP length below 8 or beyond the IP packet, or an IP packet too short for its UDP header.
    pub const UDP_LENGTH: Self = Self(32);
    /// TCP data offset below 20 bytes or beyond the IP packet, or an IP packet too short for its TCP header.
    pub const TCP_DATA_OFFSET: Self = Self(64);
    /// More headers or tunnels than the decoder reads.
    pub const TOO_DEEP: Self = Self(128);
    /// An IP packet too short for its SCTP header.
    pub const SCTP_LENGTH: Self = Self(256);
    /// A tunnel around a broken packet: it is not entered, and the packet is the one with the tunnel's header.
    pub const TUNNEL: Self = Self(512);
    /// A header in front of the network layer has a length field too small for itself.
    pub const LINK_LENGTH: Self = Self(1024);

    /// Whether nothing is wrong.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the frame lies about anything: whether there is more than [`Faults::HEADER_CUT`].
    pub fn has_lies(self) -> bool {
        self.0 & !Self::HEADER_CUT.0 != 0
    }

    /// Whether all of `other` is in the set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether anything of `other` is in the set.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Faults {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Faults {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
