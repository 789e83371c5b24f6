//! A call as a line of JSON.

use crate::wire::json::{put_decimal, put_double, put_text};
use crate::wire::time::Clock;

use super::Reported;
use super::entry::Call;
use super::ladder::put_socket;
use super::state::EndReason;
use super::stream::Stream;
use super::texts::Text;

impl<T> Call<T> {
    /// Appends the call as one JSON object, without a line end. Times are RFC 3339 text with nanoseconds; what is not
    /// known is left out. `setup_seconds` is from the INVITE to its answer, `duration_seconds` from the answer to the end, or to
    /// the last packet where that is not known; of a call without signalling, from the first to the last packet. Of many
    /// messages, those between the first ones and the last are left out: `messages_omitted`, after so many as
    /// `messages_omitted_after` says.
    pub fn write_json<'a>(
        &self,
        out: &mut Vec<u8>,
        clock: &mut Clock,
        matched_filter_ids: impl Iterator<Item = &'a str>,
    ) {
        let progress = &self.progress;
        out.extend_from_slice(b"{\"call_id\":");
        put_text(out, self.id());
        put_text_member(out, "correlation_id", self.correlation_id());
        put_text_member(out, "state", self.state().name().as_bytes());
        if let Some(reason) = self.end_reason() {
            put_name(out, "end_reason");
            put_reason(out, reason);
        }
        for (name, text) in [
            ("from_uri", Text::FromUri),
            ("from_user", Text::FromUser),
            ("from_tag", Text::FromTag),
            ("to_uri", Text::ToUri),
            ("to_user", Text::ToUser),
            ("to_tag", Text::ToTag),
        ] {
            put_text_member(out, name, self.texts.get(text));
        }
        for (name, time) in [
            ("start_time", Some(self.start_ns)),
            ("ringing_time", progress.ringing_ns),
            ("answer_time", progress.answer_ns),
            ("end_time", progress.end_ns),
        ] {
            if let Some(time) = time {
                put_time(out, clock, name, time);
            }
        }
        if let (Some(invite_ns), Some(answer_ns)) = (progress.invite_ns, progress.answer_ns) {
            put_seconds(out, "setup_seconds", invite_ns, answer_ns);
        }
        let talk_ns = if self.sip_messages == 0 { Some(self.start_ns) } else { progress.answer_ns };
        if let Some(talk_ns) = talk_ns {
            put_seconds(out, "duration_seconds", talk_ns, progress.end_ns.unwrap_or_else(|| self.last_ns()));
        }
        if self.response_code() != 0 {
            put_number(out, "response_code", self.response_code().into());
        }
        for (name, value) in [
            ("packets", self.packets()),
            ("bytes", self.bytes()),
            ("sip_messages", self.sip_messages()),
            ("retransmissions", self.retransmissions()),
            ("rtp_packets", self.rtp_packets()),
            ("rtcp_packets", self.rtcp_packets()),
        ] {
            put_number(out, name, value);
        }
        put_name(out, "matched_filter_ids");
        out.push(b'[');
        for (number, id) in matched_filter_ids.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            put_text(out, id.as_bytes());
        }
        out.extend_from_slice(b"],\"streams\":[");
        for (number, stream) in self.streams.iter().enumerate() {
            out.extend_from_slice(if number > 0 { b",{" } else { b"{" });
            put_stream(out, clock, stream);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"messages\":[");
        self.ladder.put_json(out, clock);
        out.push(b']');
        put_number(out, "messages_omitted", self.ladder.omitted().into());
        if self.ladder.omitted() > 0 {
            put_number(out, "messages_omitted_after", self.ladder.omitted_after().into());
        }
        out.push(b'}');
    }
}

fn put_stream(out: &mut Vec<u8>, clock: &mut Clock, stream: &Stream) {
    let quality = stream.quality();
    out.extend_from_slice(b"\"ssrc\":");
    put_decimal(out, stream.ssrc().into());
    let (address, port) = stream.source();
    put_name(out, "source");
    put_socket(out, address, port);
    let (address, port) = stream.destination();
    put_name(out, "destination");
    put_socket(out, address, port);
    put_number(out, "payload_type", stream.payload_type().into());
    put_text_member(out, "codec", stream.codec());
    put_number(out, "clock_rate", stream.clock_rate().into());
    for (name, value) in [
        ("packets", quality.packets()),
        ("bytes", quality.bytes()),
        ("expected", quality.expected().into()),
        ("lost", quality.lost().into()),
    ] {
        put_number(out, name, value);
    }
    put_figure(out, "loss_percent", Some(quality.loss_percent()));
    put_number(out, "duplicates", quality.duplicates().into());
    put_number(out, "out_of_order", quality.out_of_order().into());
    put_figure(out, "jitter_ms", quality.jitter_ms());
    put_figure(out, "max_jitter_ms", quality.max_jitter_ms());
    put_figure(out, "r_factor", quality.r_factor(stream.codec(), stream.clock_rate()));
    put_figure(out, "mos", quality.mos(stream.codec(), stream.clock_rate()));
    if let Some(reported) = stream.reported() {
        put_reported(out, reported, stream.clock_rate());
    }
    put_time(out, clock, "start_time", quality.first_ns());
    put_seconds(out, "duration_seconds", quality.first_ns(), quality.last_ns());
}

/// What the receiver said: packets lost since its beginning, of those since its report before the share that was lost, jitter,
/// and the time from here to it and back.
fn put_reported(out: &mut Vec<u8>, reported: &Reported, clock_rate: u32) {
    if let Some(block) = &reported.block {
        put_name(out, "remote_lost");
        put_double(out, block.cumulative_lost.into());
        put_figure(out, "remote_loss_percent", Some(f64::from(block.fraction_lost) * 100.0 / 256.0));
        let jitter_ms = f64::from(block.jitter) * 1000.0 / f64::from(clock_rate);
        put_figure(out, "remote_jitter_ms", Some(jitter_ms).filter(|_| clock_rate != 0));
    }
    put_figure(out, "round_trip_ms", reported.round_trip_ns.map(|time| time as f64 / 1e6));
    // 127 stands for not known.
    if let Some(metrics) = &reported.metrics {
        let known = |value: u8| Some(f64::from(value)).filter(|value| *value != 127.0);
        put_figure(out, "remote_r_factor", known(metrics.r_factor));
        put_figure(out, "remote_mos", known(metrics.mos_cq).map(|mos| mos / 10.0));
    }
}

/// Appends `,"name":`.
fn put_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Nothing for an empty text.
fn put_text_member(out: &mut Vec<u8>, name: &str, text: &[u8]) {
    if !text.is_empty() {
        put_name(out, name);
        put_text(out, text);
    }
}

fn put_number(out: &mut Vec<u8>, name: &str, value: u64) {
    put_name(out, name);
    put_decimal(out, value);
}

/// To four decimals, which is more than any of them is worth.
fn put_figure(out: &mut Vec<u8>, name: &str, value: Option<f64>) {
    if let Some(value) = value {
        put_name(out, name);
        put_double(out, (value * 1e4).round() / 1e4);
    }
}

fn put_time(out: &mut Vec<u8>, clock: &mut Clock, name: &str, time_ns: i64) {
    put_name(out, name);
    out.push(b'"');
    clock.put_rfc3339(out, time_ns);
    out.push(b'"');
}

/// The time between, 0 where the packets are out of order.
fn put_seconds(out: &mut Vec<u8>, name: &str, from_ns: i64, to_ns: i64) {
    put_name(out, name);
    put_double(out, to_ns.saturating_sub(from_ns).max(0) as f64 / 1e9);
}

fn put_reason(out: &mut Vec<u8>, reason: EndReason) {
    let text = match reason {
        EndReason::Bye => "bye",
        EndReason::Cancel => "cancel",
        EndReason::Busy => "busy",
        EndReason::Rejected(code) => {
            out.extend_from_slice(b"\"rejected ");
            put_decimal(out, code.into());
            return out.push(b'"');
        }
        EndReason::Timeout => "timeout",
        EndReason::Idle => "idle",
        EndReason::Evicted => "evicted",
        EndReason::Merged => "merged",
        EndReason::EndOfCapture => "end of capture",
    };
    put_text(out, text.as_bytes());
}
