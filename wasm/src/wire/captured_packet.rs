//! `CapturedPacket` (`proto/data.proto`): the engine's result for one packet.

use super::encoder::{Encoder, Protobuf};
use super::protobuf::{
    bytes_length, close_nested, open_long_nested, put_bytes, put_uint, put_varint, uint_length,
};
use super::schema::{captured_packet as field, packet_metadata, rtp_metadata};
use crate::rtp;
use crate::short::append;

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
/// the filters that let it pass. The time stamp comes before them, from the caller. `is_long`: whether the metadata most
/// likely takes 128 bytes or more.
pub fn encode<'a, E: Encoder>(
    encoder: &mut E,
    header: &Header,
    is_long: bool,
    write_metadata: impl FnOnce(&mut E),
    matched_filter_ids: impl Iterator<Item = &'a str>,
) {
    encoder.unsigned(&field::CAPTURE_LENGTH, u64::from(header.capture_length));
    encoder.unsigned(&field::ORIGINAL_LENGTH, u64::from(header.original_length));
    encoder.unsigned(&field::INTERFACE_INDEX, u64::from(header.interface_index));
    encoder.unsigned(&field::LINK_TYPE, u64::from(header.link_type));
    encoder.inline(&field::METADATA, is_long, write_metadata);
    encoder.text(&field::INTERFACE_NAME, header.interface_name);
    encoder.texts(&field::MATCHED_FILTER_IDS, matched_filter_ids);
}

/// Appends the protobuf fields of a `CapturedPacket` but for its frame, as [`encode`] has it.
pub fn put_fields<'a>(
    out: &mut Vec<u8>,
    header: &Header,
    is_long: bool,
    write_metadata: impl FnOnce(&mut Protobuf),
    matched_filter_ids: impl Iterator<Item = &'a str>,
) {
    let mut encoder = Protobuf(out);
    encoder.signed(&field::TIMESTAMP_NS, header.timestamp_ns);
    encode(&mut encoder, header, is_long, write_metadata, matched_filter_ids);
}

/// What is said of each packet of a stream, encoded.
#[derive(Clone, Copy, Default)]
pub struct MediaWords<'a> {
    /// Fields of the `PacketMetadata` in front of the `RTPMetadata`.
    pub before: &'a [u8],
    /// Those behind it.
    pub behind: &'a [u8],
    /// Ids of filters.
    pub ids: &'a [u8],
}

/// The fields of a media packet but for its frame, of which most were encoded before: what [`put_fields`] appends for it.
pub struct MediaFields<'a> {
    header: &'a Header<'a>,
    rtp: &'a rtp::Header,
    words: MediaWords<'a>,
    rtp_length: usize,
    metadata_length: usize,
    /// How long they are, bytes.
    pub length: usize,
}

impl<'a> MediaFields<'a> {
    /// The fields of one packet.
    #[inline]
    pub fn new(header: &'a Header, rtp: &'a rtp::Header, words: MediaWords<'a>) -> Self {
        let rtp_length = uint_length(rtp_metadata::SSRC.number, rtp.ssrc.into())
            + uint_length(rtp_metadata::PAYLOAD_TYPE.number, rtp.payload_type.into())
            + uint_length(rtp_metadata::SEQUENCE.number, rtp.sequence.into())
            + uint_length(rtp_metadata::TIMESTAMP.number, rtp.timestamp.into());
        // Present even where all of it is 0.
        let metadata_length = words.before.len() + words.behind.len() + 2 + rtp_length;
        let length = uint_length(field::TIMESTAMP_NS.number, header.timestamp_ns as u64)
            + uint_length(field::CAPTURE_LENGTH.number, header.capture_length.into())
            + uint_length(field::ORIGINAL_LENGTH.number, header.original_length.into())
            + uint_length(field::INTERFACE_INDEX.number, header.interface_index.into())
            + uint_length(field::LINK_TYPE.number, header.link_type.into())
            + bytes_length(field::METADATA.number, metadata_length)
            + bytes_length(field::INTERFACE_NAME.number, header.interface_name.len())
            + words.ids.len();
        Self { header, rtp, words, rtp_length, metadata_length, length }
    }

    /// Appends them.
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        let Self { header, rtp, words, .. } = self;
        put_uint(out, field::TIMESTAMP_NS.number, header.timestamp_ns as u64);
        put_uint(out, field::CAPTURE_LENGTH.number, header.capture_length.into());
        put_uint(out, field::ORIGINAL_LENGTH.number, header.original_length.into());
        put_uint(out, field::INTERFACE_INDEX.number, header.interface_index.into());
        put_uint(out, field::LINK_TYPE.number, header.link_type.into());
        put_varint(out, u64::from(field::METADATA.number) << 3 | 2);
        put_varint(out, self.metadata_length as u64);
        append(out, words.before);
        put_varint(out, u64::from(packet_metadata::RTP.number) << 3 | 2);
        put_varint(out, self.rtp_length as u64);
        put_uint(out, rtp_metadata::SSRC.number, rtp.ssrc.into());
        put_uint(out, rtp_metadata::PAYLOAD_TYPE.number, rtp.payload_type.into());
        put_uint(out, rtp_metadata::SEQUENCE.number, rtp.sequence.into());
        put_uint(out, rtp_metadata::TIMESTAMP.number, rtp.timestamp.into());
        if !words.behind.is_empty() {
            append(out, words.behind);
        }
        put_bytes(out, field::INTERFACE_NAME.number, header.interface_name);
        append(out, words.ids);
    }

    /// Appends the whole packet, as [`put_batch_element`] does.
    #[inline]
    pub fn put_batch_element(&self, out: &mut Vec<u8>, frame: &[u8]) {
        put_varint(out, u64::from(PACKETS) << 3 | 2);
        put_varint(out, (bytes_length(1, frame.len()) + self.length) as u64);
        put_bytes(out, 1, frame);
        self.put(out);
    }
}

/// Appends a whole packet as an element of `PacketBatch.packets`: its frame, then its other fields, which `write_fields`
/// appends; how long those are, bytes.
#[inline]
pub fn put_batch_element(out: &mut Vec<u8>, frame: &[u8], write_fields: impl FnOnce(&mut Vec<u8>)) -> usize {
    // Room for the least that is said of a packet.
    let mark = open_long_nested(out, PACKETS, frame.len() + 64);
    put_bytes(out, 1, frame);
    let start = out.len();
    write_fields(out);
    let length = out.len() - start;
    close_nested(out, mark);
    length
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::{Fields, Value};
    use super::*;

    #[test]
    fn media_are_encoded_like_all() {
        for number in 0..200u64 {
            let value = |salt: u64| {
                let mixed = (number * 7 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                if (number + salt).is_multiple_of(5) { 0 } else { mixed >> ((number + salt) % 64) }
            };
            let name = "interface".repeat(number as usize % 20);
            let header = Header {
                timestamp_ns: value(1) as i64,
                capture_length: value(2) as u32,
                original_length: value(3) as u32,
                interface_index: value(4) as u32,
                link_type: 1,
                interface_name: name.as_bytes(),
            };
            let rtp = rtp::Header {
                ssrc: value(5) as u32,
                timestamp: value(6) as u32,
                sequence: value(7) as u16,
                payload_type: value(8) as u8 & 0x7f,
                ..rtp::Header::parse(&[0x80; 12]).unwrap()
            };
            let said = vec![b'x'; number as usize];
            let details = vec![b'y'; number as usize % 3 * 50];
            let ids = ["a", "bcd"];
            let mut expected = Vec::new();
            let metadata = |encoder: &mut Protobuf| {
                put_bytes(encoder.0, 1, &said);
                encoder.message(&packet_metadata::RTP, |encoder| {
                    encoder.unsigned(&rtp_metadata::SSRC, rtp.ssrc.into());
                    encoder.unsigned(&rtp_metadata::PAYLOAD_TYPE, rtp.payload_type.into());
                    encoder.unsigned(&rtp_metadata::SEQUENCE, rtp.sequence.into());
                    encoder.unsigned(&rtp_metadata::TIMESTAMP, rtp.timestamp.into());
                });
                put_bytes(encoder.0, 10, &details);
            };
            put_fields(&mut expected, &header, false, metadata, ids.into_iter());
            let (mut before, mut behind, mut encoded_ids) = (Vec::new(), Vec::new(), Vec::new());
            put_bytes(&mut before, 1, &said);
            put_bytes(&mut behind, 10, &details);
            Protobuf(&mut encoded_ids).texts(&field::MATCHED_FILTER_IDS, ids.into_iter());
            let words = MediaWords { before: &before, behind: &behind, ids: &encoded_ids };
            let fields = MediaFields::new(&header, &rtp, words);
            let mut out = Vec::new();
            fields.put(&mut out);
            assert_eq!((out.len(), &out), (fields.length, &expected), "{number}");
            let (mut one, mut other) = (Vec::new(), Vec::new());
            put_batch_element(&mut one, &said, |out| out.extend_from_slice(&expected));
            fields.put_batch_element(&mut other, &said);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn an_element_is_one_field_of_the_batch() {
        for length in [0usize, 1, 127, 128, 1500, 70_000] {
            let frame = vec![7u8; length];
            let header = Header { timestamp_ns: -5, capture_length: 3, link_type: 1, ..Header::default() };
            let mut fields = Vec::new();
            put_fields(
                &mut fields,
                &header,
                length > 127,
                |encoder| put_bytes(encoder.0, 1, b"DNS"),
                ["a", "b"].into_iter(),
            );
            let mut out = Vec::new();
            put_batch_element(&mut out, &frame, |out| out.extend_from_slice(&fields));
            let elements: Vec<_> = Fields::of(&out).collect();
            let [(4, Value::Bytes(packet))] = elements[..] else { panic!("{length}") };
            let values: Vec<_> = Fields::of(packet).collect();
            assert_eq!(values.contains(&(1, Value::Bytes(&frame))), length > 0);
            assert!(values.contains(&(2, Value::Varint(-5i64 as u64))));
            assert_eq!(values.iter().filter(|(number, _)| *number == 9).count(), 2);
        }
    }
}
