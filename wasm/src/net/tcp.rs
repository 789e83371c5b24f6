//! TCP (RFC 9293).

use super::{Faults, Next, Packet, Transport};

const LEAST_HEADER_LENGTH: usize = 20;

/// Bits of [`Packet::tcp_flags`].
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field is significant.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is significant.
    pub const URG: u8 = 0x20;
}

#[inline(always)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&header) = packet.payload.first_chunk::<LEAST_HEADER_LENGTH>() else {
        return decode_cut(packet);
    };
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, data_offset, flags, w0, w1, ..] = header;
    packet.transport = Transport::Tcp;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    packet.tcp_sequence = u32::from_be_bytes([q0, q1, q2, q3]);
    packet.tcp_acknowledgment = u32::from_be_bytes([a0, a1, a2, a3]);
    packet.tcp_window = u16::from_be_bytes([w0, w1]);
    packet.tcp_flags = flags;
    let header_length = usize::from(data_offset >> 4) * 4;
    if header_length < LEAST_HEADER_LENGTH || packet.ends_before(header_length) {
        packet.faults |= Faults::TCP_DATA_OFFSET;
    } else if packet.payload.len() < header_length {
        packet.faults |= Faults::HEADER_CUT;
    }
    packet.strip(header_length.max(LEAST_HEADER_LENGTH));
    Next::End
}

/// A header without its last bytes still has its ports, and perhaps more.
#[cold]
fn decode_cut(packet: &mut Packet<'_>) -> Next {
    let segment = packet.payload;
    let fault =
        if packet.ends_before(LEAST_HEADER_LENGTH) { Faults::TCP_DATA_OFFSET } else { Faults::HEADER_CUT };
    let Some(&[s0, s1, d0, d1]) = segment.first_chunk::<4>() else {
        return packet.stop(fault);
    };
    packet.transport = Transport::Tcp;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    if let Some(&[.., q0, q1, q2, q3]) = segment.first_chunk::<8>() {
        packet.tcp_sequence = u32::from_be_bytes([q0, q1, q2, q3]);
    }
    if let Some(&[.., a0, a1, a2, a3]) = segment.first_chunk::<12>() {
        packet.tcp_acknowledgment = u32::from_be_bytes([a0, a1, a2, a3]);
    }
    if let Some(&[.., w0, w1]) = segment.first_chunk::<16>() {
        packet.tcp_window = u16::from_be_bytes([w0, w1]);
    }
    packet.tcp_flags = segment.get(13).copied().unwrap_or(0);
    packet.strip(LEAST_HEADER_LENGTH);
    packet.stop(fault)
}
