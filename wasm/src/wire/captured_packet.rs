//! `CapturedPacket` (`proto/data.proto`): the engine's result for one packet.

use super::encoder::{Encoder, Protobuf};
use super::protobuf::{put_bytes, put_varint, varint_length};
use super::schema::captured_packet as field;

/// Field number of `PacketBatch.packets`.
const PACKETS: u32 = 4;

/// The scalar fields of a `CapturedPacket`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header<'a> {
    /// Capture time, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Bytes captured.
    pub capture_length: u32,
    /// Bytes on the line.
    pub original_length: u32,
    /// Number of the interface within its source.
    pub interface_index: u32,
    /// libpcap link type, 0 to 255 on the wire.
    pub link_type: u32,
    /// Capture interface; empty for a file that does not name one. UTF-8.
    pub interface_name: &'a [u8],
}

/// Encodes a `CapturedPacket` but for its frame: `header`, the metadata that `write_metadata` adds, and the ids of
/// the filters that let it pass. The time stamp comes before them, from the caller.
pub fn encode<'a, E: Encoder>(
    encoder: &mut E,
    header: &Header,
    write_metadata: impl FnOnce(&mut E),
    matched_filter_ids: impl Iterator<Item = &'a str>,
) {
    encoder.unsigned(&field::CAPTURE_LENGTH, u64::from(header.capture_length));
    encoder.unsigned(&field::ORIGINAL_LENGTH, u64::from(header.original_length));
    encoder.unsigned(&field::INTERFACE_INDEX, u64::from(header.interface_index));
    encoder.unsigned(&field::LINK_TYPE, u64::from(header.link_type));
    encoder.inline(&field::METADATA, write_metadata);
    encoder.text(&field::INTERFACE_NAME, header.interface_name);
    encoder.texts(&field::MATCHED_FILTER_IDS, matched_filter_ids);
}

/// Appends the protobuf fields of a `CapturedPacket` but for its frame.
pub fn put_fields<'a>(
    out: &mut Vec<u8>,
    header: &Header,
    write_metadata: impl FnOnce(&mut Protobuf),
    matched_filter_ids: impl Iterator<Item = &'a str>,
) {
    let mut encoder = Protobuf(out);
    encoder.signed(&field::TIMESTAMP_NS, header.timestamp_ns);
    encode(&mut encoder, header, write_metadata, matched_filter_ids);
}

/// Appends a whole packet as an element of `PacketBatch.packets`: its frame, then its other `fields`.
pub fn put_batch_element(out: &mut Vec<u8>, frame: &[u8], fields: &[u8]) {
    let frame_field = if frame.is_empty() { 0 } else { 1 + varint_length(frame.len() as u64) + frame.len() };
    put_varint(out, u64::from(PACKETS) << 3 | 2);
    put_varint(out, (frame_field + fields.len()) as u64);
    put_bytes(out, 1, frame);
    out.extend_from_slice(fields);
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::{Fields, Value};
    use super::*;

    #[test]
    fn an_element_is_one_field_of_the_batch() {
        for length in [0usize, 1, 127, 128, 1500, 70_000] {
            let frame = vec![7u8; length];
            let header = Header { timestamp_ns: -5, capture_length: 3, link_type: 1, ..Header::default() };
            let mut fields = Vec::new();
            put_fields(
                &mut fields,
                &header,
                |encoder| put_bytes(encoder.0, 1, b"DNS"),
                ["a", "b"].into_iter(),
            );
            let mut out = Vec::new();
            put_batch_element(&mut out, &frame, &fields);
            let elements: Vec<_> = Fields::of(&out).collect();
            let [(4, Value::Bytes(packet))] = elements[..] else { panic!("{length}") };
            let values: Vec<_> = Fields::of(packet).collect();
            assert_eq!(values.contains(&(1, Value::Bytes(&frame))), length > 0);
            assert!(values.contains(&(2, Value::Varint(-5i64 as u64))));
            assert_eq!(values.iter().filter(|(number, _)| *number == 9).count(), 2);
        }
    }
}
