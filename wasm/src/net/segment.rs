//! A TCP segment made for bytes of a stream, where no captured frame holds exactly these.

use super::rewrite::{Layers, fold, set_ip_length, sum, write_link_layer};
use super::{Address, Packet, ethertype, link_type, protocol, tcp_flag};

/// Longest payload of one segment, bytes: with any headers it is within the length field of either IP version.
pub const MOST_PAYLOAD: usize = 60_000;

const TCP_HEADER_LENGTH: usize = 20;
const HOP_LIMIT: u8 = 64;
const WINDOW: u16 = u16::MAX;

/// What the headers of a segment say.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    /// Sender.
    pub source: (Address, u16),
    /// Receiver.
    pub destination: (Address, u16),
    /// Number of the first byte.
    pub sequence: u32,
    /// What the sender has received.
    pub acknowledgment: u32,
}

/// Puts into `out` the frame of a segment with these headers and at most [`MOST_PAYLOAD`] bytes of `payload`, all checksums
/// right. Its link layer is that of `template`, a packet of the same stream with its frame and link type, else Ethernet
/// without addresses. Returns the link type.
pub fn write_segment(
    headers: &Headers,
    payload: &[u8],
    template: Option<(&Packet, &[u8], u32)>,
    out: &mut Vec<u8>,
) -> u32 {
    let payload = payload.get(..payload.len().min(MOST_PAYLOAD)).unwrap_or_default();
    let is_v4 = headers.source.0.version() == 4;
    let tcp_length = TCP_HEADER_LENGTH + payload.len();
    let ip_length = tcp_length + if is_v4 { 20 } else { 40 };
    let link_type = template
        .and_then(|(packet, frame, link_type)| {
            let Packet { link_length, network_offset, .. } = *packet;
            write_link_layer(frame, Layers { link_type, link_length, network_offset }, ip_length, out)
        })
        .unwrap_or_else(|| {
            out.clear();
            out.extend_from_slice(&[0; 12]);
            out.extend_from_slice(&(if is_v4 { ethertype::IPV4 } else { ethertype::IPV6 }).to_be_bytes());
            link_type::ETHERNET
        });
    let network_offset = out.len();
    if is_v4 {
        // Version and header length, service, length, identification, don't fragment, time to live, protocol, checksum.
        out.extend_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, HOP_LIMIT, protocol::TCP, 0, 0]);
    } else {
        out.extend_from_slice(&[0x60, 0, 0, 0, 0, 0, protocol::TCP, HOP_LIMIT]);
    }
    out.extend_from_slice(headers.source.0.octets());
    out.extend_from_slice(headers.destination.0.octets());
    set_ip_length(out.get_mut(network_offset..).unwrap_or_default(), ip_length);
    let transport_offset = out.len();
    out.extend_from_slice(&headers.source.1.to_be_bytes());
    out.extend_from_slice(&headers.destination.1.to_be_bytes());
    out.extend_from_slice(&headers.sequence.to_be_bytes());
    out.extend_from_slice(&headers.acknowledgment.to_be_bytes());
    out.extend_from_slice(&[(TCP_HEADER_LENGTH as u8 / 4) << 4, tcp_flag::PSH | tcp_flag::ACK]);
    out.extend_from_slice(&WINDOW.to_be_bytes());
    // Checksum and urgent pointer.
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    let pseudo_header = sum(headers.source.0.octets())
        + sum(headers.destination.0.octets())
        + u64::from(protocol::TCP)
        + tcp_length as u64;
    let segment = out.get_mut(transport_offset..).unwrap_or_default();
    let checksum = !fold(pseudo_header + sum(segment));
    if let Some(field) = segment.get_mut(16..18) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    link_type
}

#[cfg(test)]
mod tests {
    use super::super::{Transport, decode};
    use super::*;

    const V4: [Address; 2] = [Address::v4([10, 0, 0, 1]), Address::v4([10, 0, 0, 2])];
    const V6: [Address; 2] = [Address::v6([1; 16]), Address::v6([2; 16])];

    fn headers([source, destination]: [Address; 2]) -> Headers {
        Headers { source: (source, 5060), destination: (destination, 40_000), sequence: 7, acknowledgment: 9 }
    }

    fn assert_sound(frame: &[u8], link_type: u32, expected: &Headers, payload: &[u8]) {
        let packet = decode(link_type, frame);
        let ip = packet.ip.unwrap();
        assert!(!packet.faults.has_lies());
        assert_eq!((ip.source, packet.source_port), expected.source);
        assert_eq!((ip.destination, packet.destination_port), expected.destination);
        assert_eq!((packet.transport, packet.payload), (Transport::Tcp, payload));
        assert_eq!((packet.tcp_sequence, packet.tcp_acknowledgment), (7, 9));
        let segment = &frame[packet.payload_offset as usize - 20..];
        let pseudo = sum(ip.source.octets()) + sum(ip.destination.octets()) + 6 + segment.len() as u64;
        assert_eq!(fold(pseudo + sum(segment)), 0xffff);
        if ip.version == 4 {
            let header = &frame[packet.network_offset as usize..][..20];
            assert_eq!(fold(sum(header)), 0xffff);
        }
    }

    #[test]
    fn frames_are_sound() {
        for addresses in [V4, V6] {
            for length in [0, 1, 700, MOST_PAYLOAD] {
                let payload = vec![b'x'; length];
                let mut frame = vec![1, 2, 3];
                let link_type = write_segment(&headers(addresses), &payload, None, &mut frame);
                assert_sound(&frame, link_type, &headers(addresses), &payload);
            }
        }
        let mut frame = Vec::new();
        write_segment(&headers(V4), &vec![0; MOST_PAYLOAD + 1], None, &mut frame);
        assert_eq!(frame.len(), 14 + 40 + MOST_PAYLOAD);
    }

    #[test]
    fn the_link_layer_is_that_of_the_stream() {
        let mut template = Vec::new();
        write_segment(&headers(V4), b"abc", None, &mut template);
        template[0] = 0xaa;
        // In a VLAN.
        template.splice(12..12, [0x81, 0x00, 0x00, 0x05]);
        let packet = decode(link_type::ETHERNET, &template);
        let mut frame = Vec::new();
        let shown = Some((&packet, &template[..], link_type::ETHERNET));
        let link_type = write_segment(&headers(V4), b"a longer text", shown, &mut frame);
        assert_eq!(frame[..18], template[..18]);
        assert_eq!(decode(link_type, &frame).vlans(), [5]);
        assert_sound(&frame, link_type, &headers(V4), b"a longer text");
    }
}
