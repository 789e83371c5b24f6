//! `PacketBatch` (`proto/data.proto`), as a processor receives it: read without copying.

use super::protobuf::{Fields, Value};

/// What a batch says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchHeader<'a> {
    /// Sender; may be anything, UTF-8 or not.
    pub hunter_id: &'a [u8],
    /// The sender's batch counter.
    pub sequence: u64,
    /// When the batch was closed, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// `BatchStats.total_captured`, packets since the sender started.
    pub total_captured: u64,
    /// `BatchStats.filtered_matched`.
    pub filtered_matched: u64,
    /// `BatchStats.dropped`.
    pub dropped: u64,
}

/// One packet of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceivedPacket<'a> {
    /// The frame from the link layer on.
    pub frame: &'a [u8],
    /// Capture time, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Bytes captured, as the sender says.
    pub capture_length: u32,
    /// Bytes on the line, as the sender says.
    pub original_length: u32,
    /// Interface number.
    pub interface_index: u32,
    /// Link type.
    pub link_type: u32,
    /// Encoded `PacketMetadata`; empty when the sender gave none.
    pub metadata: &'a [u8],
    /// Interface name.
    pub interface_name: &'a [u8],
    /// The whole encoded packet.
    pub encoded: &'a [u8],
}

/// Reads the header of `batch`. None when the bytes are no protobuf message.
pub fn read_header(batch: &[u8]) -> Option<BatchHeader<'_>> {
    let mut header = BatchHeader::default();
    let mut fields = Fields::of(batch);
    for (number, value) in fields.by_ref() {
        match (number, value) {
            (1, Value::Bytes(id)) => header.hunter_id = id,
            (2, Value::Varint(sequence)) => header.sequence = sequence,
            (3, Value::Varint(time)) => header.timestamp_ns = time as i64,
            (5, Value::Bytes(stats)) => {
                for (number, value) in Fields::of(stats) {
                    match (number, value) {
                        (1, Value::Varint(count)) => header.total_captured = count,
                        (2, Value::Varint(count)) => header.filtered_matched = count,
                        (3, Value::Varint(count)) => header.dropped = count,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (!fields.broken()).then_some(header)
}

/// The packets of `batch`, in order. One whose bytes are no protobuf message is None.
pub fn packets(batch: &[u8]) -> impl Iterator<Item = Option<ReceivedPacket<'_>>> {
    Fields::of(batch).filter_map(|field| match field {
        (4, Value::Bytes(encoded)) => Some(read_packet(encoded)),
        _ => None,
    })
}

fn read_packet(encoded: &[u8]) -> Option<ReceivedPacket<'_>> {
    let mut packet = ReceivedPacket { encoded, ..ReceivedPacket::default() };
    let mut fields = Fields::of(encoded);
    for (number, value) in fields.by_ref() {
        match (number, value) {
            (1, Value::Bytes(frame)) => packet.frame = frame,
            (2, Value::Varint(time)) => packet.timestamp_ns = time as i64,
            (3, Value::Varint(length)) => packet.capture_length = length as u32,
            (4, Value::Varint(length)) => packet.original_length = length as u32,
            (5, Value::Varint(index)) => packet.interface_index = index as u32,
            (6, Value::Varint(link_type)) => packet.link_type = link_type as u32,
            (7, Value::Bytes(metadata)) => packet.metadata = metadata,
            (8, Value::Bytes(name)) => packet.interface_name = name,
            _ => {}
        }
    }
    (!fields.broken()).then_some(packet)
}

#[cfg(test)]
mod tests {
    use super::super::captured_packet::{Header, put_batch_element, put_fields};
    use super::super::protobuf::{put_bytes, put_nested, put_uint};
    use super::*;

    #[test]
    fn header_and_packets() {
        let mut batch = Vec::new();
        put_bytes(&mut batch, 1, b"edge");
        put_uint(&mut batch, 2, 7);
        put_uint(&mut batch, 3, 99);
        put_nested(&mut batch, 5, |out| {
            put_uint(out, 1, 10);
            put_uint(out, 2, 9);
            put_uint(out, 3, 1);
        });
        let mut fields = Vec::new();
        let header = Header { timestamp_ns: 5, original_length: 80, link_type: 113, ..Header::default() };
        put_fields(
            &mut fields,
            &header,
            false,
            |encoder| put_bytes(encoder.0, 1, b"DNS"),
            std::iter::empty(),
        );
        put_batch_element(&mut batch, b"frame", |out| out.extend_from_slice(&fields));
        batch.extend_from_slice(&[0x22, 1, 0xff]);
        assert_eq!(
            read_header(&batch),
            Some(BatchHeader {
                hunter_id: b"edge",
                sequence: 7,
                timestamp_ns: 99,
                total_captured: 10,
                filtered_matched: 9,
                dropped: 1
            })
        );
        let packets: Vec<_> = packets(&batch).collect();
        let [Some(packet), None] = &packets[..] else { panic!() };
        assert_eq!((packet.frame, packet.timestamp_ns, packet.link_type), (&b"frame"[..], 5, 113));
        assert_eq!(packet.metadata, b"\x0a\x03DNS");
        assert_eq!(read_header(b"\xff\xff"), None);
    }
}
