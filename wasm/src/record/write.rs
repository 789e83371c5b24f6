//! Capture records out: pcap savefiles, little endian, with nanosecond timestamps (draft-ietf-opsawg-pcap).

use super::MAXIMUM_SNAPLEN;

const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;

/// Appends a savefile header: version 2.4, snap length [`MAXIMUM_SNAPLEN`]. `link_type` is a LINKTYPE_ number.
pub fn file_header(link_type: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&NANOSECOND_MAGIC.to_le_bytes());
    out.extend_from_slice(&2u16.to_le_bytes());
    out.extend_from_slice(&4u16.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&MAXIMUM_SNAPLEN.to_le_bytes());
    out.extend_from_slice(&link_type.to_le_bytes());
}

/// Appends one record. `timestamp_ns` is in nanoseconds since 1970, limited to what 32-bit seconds hold; of `data`, at
/// most [`MAXIMUM_SNAPLEN`] bytes are written; `original_length` is raised to the written length where it is less.
pub fn record(timestamp_ns: i64, original_length: u32, data: &[u8], out: &mut Vec<u8>) {
    const SECOND: i64 = 1_000_000_000;
    let data = data.get(..MAXIMUM_SNAPLEN as usize).unwrap_or(data);
    let captured = data.len() as u32;
    let timestamp = timestamp_ns.clamp(0, i64::from(u32::MAX) * SECOND + SECOND - 1);
    out.extend_from_slice(&((timestamp / SECOND) as u32).to_le_bytes());
    out.extend_from_slice(&((timestamp % SECOND) as u32).to_le_bytes());
    out.extend_from_slice(&captured.to_le_bytes());
    out.extend_from_slice(&original_length.max(captured).to_le_bytes());
    out.extend_from_slice(data);
}
