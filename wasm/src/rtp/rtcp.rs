//! Reports of RTCP (RFC 3550 section 6) and extended ones (RFC 3611), packets on their own (RFC 5506), and what can be read of
//! SRTCP (RFC 3711 section 3.4).

/// Sender report.
pub const SENDER_REPORT: u8 = 200;
/// Receiver report.
pub const RECEIVER_REPORT: u8 = 201;
const EXTENDED_REPORT: u8 = 207;

/// Bytes of a packet's header without its source.
const HEADER: usize = 4;
/// Bytes of a report block.
const REPORT_BLOCK: usize = 24;
/// Block type and bytes of the VoIP metrics (RFC 3611 section 4.7).
const VOIP_METRICS: (u8, usize) = (7, 36);

/// Whether a datagram on a port that RTP shares is RTCP: version 2 and a packet type of 192 to 223 (RFC 5761 section 4).
#[inline]
pub fn looks_like_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0xbf, 192..=223, ..])
}

/// Packet type and length in bytes of the packet at `offset` of a datagram that has `length` bytes, of which `bytes` were
/// captured. `None` where it does not end within the datagram, or has no room for its reports.
pub fn packet_at(bytes: &[u8], length: usize, offset: usize) -> Option<(u8, usize)> {
    let &[first, packet_type, high, low] = bytes.get(offset..)?.first_chunk::<HEADER>()?;
    let size = HEADER + 4 * usize::from(u16::from_be_bytes([high, low]));
    let count = usize::from(first & 31);
    let least = match packet_type {
        SENDER_REPORT => 28 + REPORT_BLOCK * count,
        RECEIVER_REPORT => 8 + REPORT_BLOCK * count,
        _ => HEADER,
    };
    let is_sound = first >> 6 == 2 && (192..=223).contains(&packet_type) && size >= least;
    (is_sound && offset + size <= length).then_some((packet_type, size))
}

/// Whether packets fill the datagram, and only the last is padded (RFC 3550 appendix A.2). What was not captured of it
/// is believed.
pub fn is_compound(bytes: &[u8], length: usize) -> bool {
    let mut offset = 0;
    while let Some((_, size)) = packet_at(bytes, length, offset) {
        let is_padded = bytes.get(offset).is_some_and(|first| first & 0x20 != 0);
        offset += size;
        if offset >= bytes.len() {
            return offset == length || bytes.len() < length;
        }
        if is_padded {
            return false;
        }
    }
    false
}

/// One packet, of those that [`for_each_packet`] finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Packet<'a> {
    /// What a source has sent and received.
    SenderReport {
        /// Source of the report.
        ssrc: u32,
        /// Time of the report: seconds since 1900 with 32 fraction bits.
        ntp_timestamp: u64,
        /// What it has received.
        reports: ReportBlocks<'a>,
    },
    /// What a receiver has received.
    ReceiverReport {
        /// Source of the report.
        ssrc: u32,
        /// What it has received.
        reports: ReportBlocks<'a>,
    },
    /// An extended report.
    ExtendedReport {
        /// Source of the report.
        ssrc: u32,
        /// Its VoIP metrics blocks.
        metrics: VoipMetricsBlocks<'a>,
    },
    /// Any other packet, or one of a datagram that seems to be SRTCP.
    Other {
        /// 192 to 223.
        packet_type: u8,
        /// Source, if it has one.
        ssrc: Option<u32>,
    },
}

/// What was received of one source (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; duplicates make it less than 0.
    pub cumulative_lost: i32,
    /// Interarrival jitter in units of the media clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP timestamp of the last sender report, or 0.
    pub last_sender_report: u32,
    /// Time since it was received, in units of 1/65536 s.
    pub delay_since: u32,
}

impl ReportBlock {
    fn new(block: &[u8; REPORT_BLOCK]) -> Self {
        let [
            s0,
            s1,
            s2,
            s3,
            fraction_lost,
            l0,
            l1,
            l2,
            _,
            _,
            _,
            _,
            j0,
            j1,
            j2,
            j3,
            r0,
            r1,
            r2,
            r3,
            d0,
            d1,
            d2,
            d3,
        ] = *block;
        Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            fraction_lost,
            // 24 bits with a sign.
            cumulative_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sender_report: u32::from_be_bytes([r0, r1, r2, r3]),
            delay_since: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }
}

/// The blocks of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(ReportBlock::new(block))
    }
}

/// Metrics of a call as its receiver reports them (RFC 3611 section 4.7); 127 means that a figure is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    /// The source that they are of.
    pub ssrc: u32,
    /// R factor, 0 to 100.
    pub r_factor: u8,
    /// Conversational quality, MOS times 10.
    pub mos_cq: u8,
}

/// The VoIP metrics blocks of an extended report; ends at the first block that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetricsBlocks<'a>(&'a [u8]);

impl Iterator for VoipMetricsBlocks<'_> {
    type Item = VoipMetrics;

    fn next(&mut self) -> Option<VoipMetrics> {
        loop {
            let &[block_type, _, high, low] = self.0.first_chunk()?;
            let size = HEADER + 4 * usize::from(u16::from_be_bytes([high, low]));
            let (block, rest) = self.0.split_at_checked(size)?;
            self.0 = rest;
            if (block_type, size) == VOIP_METRICS {
                return block.first_chunk().map(voip_metrics);
            }
        }
    }
}

fn voip_metrics(block: &[u8; VOIP_METRICS.1]) -> VoipMetrics {
    let [_, _, _, _, s0, s1, s2, s3, .., r_factor, _, _, mos_cq, _, _, _, _, _, _, _, _] = *block;
    VoipMetrics { ssrc: u32::from_be_bytes([s0, s1, s2, s3]), r_factor, mos_cq }
}

/// Shows each packet of a datagram that is all of `bytes`.
///
/// What is encrypted cannot be told from reports by its bytes, but by its length: SRTCP ends in an index and a tag, so its
/// packets do not fill the datagram. Of such a datagram the first packet is shown as [`Packet::Other`].
pub fn for_each_packet<'a>(bytes: &'a [u8], found: &mut dyn FnMut(Packet<'a>)) {
    if !is_compound(bytes, bytes.len()) {
        return protected(bytes, found);
    }
    let mut rest = bytes;
    while let Some((packet_type, size)) = packet_at(rest, rest.len(), 0) {
        let Some((packet, after)) = rest.split_at_checked(size) else { break };
        found(read(packet_type, without_padding(packet)).unwrap_or(other(packet_type, packet)));
        rest = after;
    }
}

fn protected<'a>(bytes: &'a [u8], found: &mut dyn FnMut(Packet<'a>)) {
    if looks_like_rtcp(bytes)
        && bytes.len() >= PROTECTED_LEAST
        && let Some(&packet_type) = bytes.get(1)
    {
        found(other(packet_type, bytes));
    }
}

/// Header with source, index, and the shortest tag in use (RFC 3711 section 3.4, RFC 4568 section 6.2).
const PROTECTED_LEAST: usize = 8 + 4 + 4;

fn other(packet_type: u8, packet: &[u8]) -> Packet<'_> {
    Packet::Other { packet_type, ssrc: word(packet, 4) }
}

/// The packet without its padding; as it is if the padding is impossible.
fn without_padding(packet: &[u8]) -> &[u8] {
    match (packet.first(), packet.last()) {
        (Some(first), Some(count)) if first & 0x20 != 0 => {
            let kept = packet.len().checked_sub(usize::from(*count)).filter(|kept| *kept >= HEADER);
            kept.and_then(|kept| packet.get(..kept)).unwrap_or(packet)
        }
        _ => packet,
    }
}

fn read(packet_type: u8, packet: &[u8]) -> Option<Packet<'_>> {
    let count = packet.first()? & 31;
    let content = packet.get(HEADER..)?;
    let ssrc = word(packet, 4);
    let reports = |at: usize| {
        let blocks = packet.get(at..)?;
        Some(ReportBlocks(blocks.get(..REPORT_BLOCK * usize::from(count)).unwrap_or(blocks)))
    };
    Some(match packet_type {
        SENDER_REPORT => {
            let ntp_timestamp = u64::from(word(packet, 8)?) << 32 | u64::from(word(packet, 12)?);
            Packet::SenderReport { ssrc: ssrc?, ntp_timestamp, reports: reports(28)? }
        }
        RECEIVER_REPORT => Packet::ReceiverReport { ssrc: ssrc?, reports: reports(8)? },
        EXTENDED_REPORT => {
            Packet::ExtendedReport { ssrc: ssrc?, metrics: VoipMetricsBlocks(content.get(4..)?) }
        }
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
#[path = "tests/rtcp.rs"]
mod tests;
