//! What receivers say of a call's streams in RTCP: sender and receiver reports (RFC 3550 section 6.4), VoIP metrics (RFC 3611).

use crate::rtp::rtcp::{Packet, ReportBlock, VoipMetrics, for_each_packet};

use super::Passage;
use super::entry::Call;
use super::stream::Stream;

/// Sender reports of a stream that a receiver's may name: on long ways the last is not yet there when it is sent.
const MOST_SENT: usize = 4;

/// What was reported of a stream last, and by its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    /// What its receiver said of it.
    pub block: Option<ReportBlock>,
    /// What its receiver said of the call's quality.
    pub metrics: Option<VoipMetrics>,
    /// From here to the receiver and back, nanoseconds: from a sender report that passed to the receiver report that names it,
    /// less the time in between that the receiver took.
    pub round_trip_ns: Option<i64>,
    /// Middle of the NTP timestamp of the source's last sender reports, and their capture times; the newest first.
    sent: [Option<(u32, i64)>; MOST_SENT],
}

impl Reported {
    /// Takes a sender report of the source up; a copy of one changes nothing.
    fn note_sent(&mut self, middle: u32, timestamp_ns: i64) {
        if self.sent_at(middle).is_none() {
            self.sent.rotate_right(1);
            self.sent[0] = Some((middle, timestamp_ns));
        }
    }

    /// When the sender report with that timestamp came by.
    fn sent_at(&self, middle: u32) -> Option<i64> {
        self.sent.iter().flatten().find(|(sent, _)| *sent == middle).map(|(_, timestamp_ns)| *timestamp_ns)
    }
}

impl<T> Call<T> {
    /// Takes up the reports of a datagram.
    #[cold]
    pub(super) fn note_reports(&mut self, bytes: &[u8], passage: &Passage) {
        let streams = &mut self.streams;
        for_each_packet(bytes, &mut |packet| match packet {
            Packet::SenderReport { ssrc, ntp_timestamp, reports } => {
                let middle = (ntp_timestamp >> 16) as u32;
                for stream in streams
                    .iter_mut()
                    .filter(|stream| stream.ssrc() == ssrc && *stream.source().0 == passage.source)
                {
                    stream.reported_mut().note_sent(middle, passage.timestamp_ns);
                }
                reports.for_each(|block| note_block(streams, block, passage));
            }
            Packet::ReceiverReport { reports, .. } => {
                reports.for_each(|block| note_block(streams, block, passage));
            }
            Packet::ExtendedReport { metrics, .. } => {
                for metrics in metrics {
                    for stream in received(streams, metrics.ssrc, passage) {
                        stream.reported_mut().metrics = Some(metrics);
                    }
                }
            }
            Packet::Other { .. } => {}
        });
    }
}

/// The streams of that source which the sender of a packet receives.
fn received<'a>(
    streams: &'a mut [Stream],
    ssrc: u32,
    passage: &'a Passage,
) -> impl Iterator<Item = &'a mut Stream> {
    streams
        .iter_mut()
        .filter(move |stream| stream.ssrc() == ssrc && *stream.destination().0 == passage.source)
}

fn note_block(streams: &mut [Stream], block: ReportBlock, passage: &Passage) {
    for stream in received(streams, block.ssrc, passage) {
        let reported = stream.reported_mut();
        // 0 says that there was none yet (RFC 3550 section 6.4.1).
        if block.last_sender_report != 0
            && let Some(sent_ns) = reported.sent_at(block.last_sender_report)
        {
            let held_ns = (i64::from(block.delay_since) * 1_000_000_000) >> 16;
            let round_trip_ns = passage.timestamp_ns.saturating_sub(sent_ns).saturating_sub(held_ns);
            // Less than none is a clock that is wrong.
            reported.round_trip_ns = Some(round_trip_ns).filter(|time| *time >= 0).or(reported.round_trip_ns);
        }
        reported.block = Some(block);
    }
}
