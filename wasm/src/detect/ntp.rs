//! NTP (RFC 5905), its control messages (RFC 9327) and the private mode of its reference implementation.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORT: u16 = 123;
/// Bytes of a packet without extension fields and authenticator.
const HEADER_LENGTH: usize = 48;
/// Offsets of the timestamps.
const ORIGIN: usize = 24;
const TRANSMIT: usize = 40;

/// NTP on its port; elsewhere a request, and the response that repeats its transmit timestamp.
pub static NTP: Signature = Signature {
    name: "NTP",
    carriers: &[Carrier::Udp],
    ports: &[PORT],
    // Versions 1 to 4, modes 1 to 7, any leap indicator.
    first: FirstBytes::Ranges(&[(0x09, 0x27), (0x49, 0x67), (0x89, 0xa7), (0xc9, 0xe7)]),
    examine,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(first) = payload.u8(0) else { return Verdict::No };
    if !matches!(first >> 3 & 7, 1..=4) {
        return Verdict::No;
    }
    let mode = first & 7;
    if !payload.on_port(&[PORT]) {
        return match mode {
            3 | 4 if is_time(payload, mode) => match_request(payload, state, mode),
            _ => Verdict::No,
        };
    }
    match mode {
        1..=5 if is_time(payload, mode) => Verdict::Is(Confidence::HIGH, Method::Port),
        6 if is_control(payload) => Verdict::Is(Confidence::HIGH, Method::Port),
        7 if is_private(payload) => Verdict::Is(Confidence::MEDIUM, Method::Port),
        _ => Verdict::No,
    }
}

/// Off the port: the client's transmit timestamp comes back as the server's origin timestamp.
fn match_request(payload: &Payload, state: &mut FlowState, mode: u8) -> Verdict {
    let words = |at: usize| payload.u32(at).zip(payload.u32(at + 4));
    if mode == 3 {
        let [seconds, fraction, ..] = state.claim_notes();
        (*seconds, *fraction) = words(TRANSMIT).unwrap_or_default();
        return Verdict::Candidate;
    }
    match state.notes() {
        Some([seconds, fraction, ..])
            if *seconds | *fraction != 0 && words(ORIGIN) == Some((*seconds, *fraction)) =>
        {
            Verdict::Is(Confidence::DEFINITE, Method::Handshake)
        }
        _ => Verdict::No,
    }
}

/// Modes 1 to 5: a stratum that is assigned, root delay and dispersion of less than 256 s, a server that knows the
/// time, and an end as the standard has it. What clients say of poll and precision does not count: many hide it.
fn is_time(payload: &Payload, mode: u8) -> bool {
    let knows_time = mode == 3 || payload.u64(TRANSMIT).is_some_and(|time| time != 0);
    matches!(payload.u8(1), Some(0..=16))
        && matches!(payload.u8(4), Some(0 | 0xff))
        && payload.u8(8) == Some(0)
        && knows_time
        && ends_well(payload)
}

/// Extension fields (RFC 7822), then no authenticator, a crypto-NAK, or a key identifier with a digest of 16 or 20 bytes; longer
/// digests (SHA-2) follow a key identifier that is in use, of 16 bits.
fn ends_well(payload: &Payload) -> bool {
    let mut at = HEADER_LENGTH;
    loop {
        match payload.length.checked_sub(at) {
            None => return false,
            Some(0 | 4 | 20 | 24) => return true,
            Some(36 | 52 | 68) if payload.u32(at).is_some_and(|key| (1..=0xffff).contains(&key)) => {
                return true;
            }
            Some(_) => {}
        }
        match payload.u16(at + 2).map(usize::from) {
            Some(length) if length >= 16 && length.is_multiple_of(4) => at += length,
            Some(_) => return false,
            None => return !payload.is_whole(),
        }
    }
}

/// Mode 6: the count says how much data there is; an authenticator may follow.
fn is_control(payload: &Payload) -> bool {
    let Some(count) = payload.u16(10).map(usize::from) else { return false };
    let end = 12 + count.next_multiple_of(4);
    // Without data many leave the padding out.
    matches!(payload.u8(1).map(|byte| byte & 0x1f), Some(1..=31))
        && (payload.length == 12 + count || matches!(payload.length.checked_sub(end), Some(0 | 20 | 24)))
}

/// Mode 7: an implementation number in use, and items that fit.
fn is_private(payload: &Payload) -> bool {
    let (Some(items), Some(size)) = (payload.u16(4), payload.u16(6)) else { return false };
    let data = usize::from(items & 0xfff) * usize::from(size & 0xfff);
    matches!(payload.u8(2), Some(0 | 2 | 3)) && payload.length >= 8 && 8 + data <= payload.length
}

fn mode_name(mode: u8) -> (&'static str, &'static str) {
    match mode {
        1 => ("symmetric active", "symmetric_active"),
        2 => ("symmetric passive", "symmetric_passive"),
        3 => ("client", "client"),
        4 => ("server", "server"),
        5 => ("broadcast", "broadcast"),
        6 => ("control", "control"),
        7 => ("private", "reserved_private"),
        _ => ("reserved", "reserved"),
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(first), Some(second)) = (payload.u8(0), payload.u8(1)) else { return };
    let (mode, key) = mode_name(first & 7);
    facts.say(b"NTP Version ");
    facts.say_number((first >> 3 & 7).into());
    facts.say(b", ");
    facts.say(mode.as_bytes());
    facts.put_number("version", (first >> 3 & 7).into());
    facts.put("mode", key.as_bytes());
    if first & 7 > 5 {
        return;
    }
    facts.put_number("stratum", second.into());
    facts.put(
        "stratum_description",
        match second {
            0 => b"unspecified",
            1 => b"primary",
            2..=15 => b"secondary",
            16 => b"unsynchronized",
            _ => b"reserved",
        },
    );
    for (key, offset) in [("poll", 2), ("precision", 3)] {
        let value = payload.u8(offset).unwrap_or(0) as i8;
        facts.entry(key, |text| {
            if value < 0 {
                text.push(b'-');
            }
            crate::wire::json::put_decimal(text, value.unsigned_abs().into());
        });
    }
    let leap: &[u8] = match first >> 6 {
        0 => b"no_warning",
        1 => b"last_minute_61_seconds",
        2 => b"last_minute_59_seconds",
        _ => b"alarm_condition",
    };
    facts.put("leap_indicator", leap);
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn packet(first: u8, stratum: u8) -> Vec<u8> {
        let mut payload = vec![0; HEADER_LENGTH];
        (payload[0], payload[1]) = (first, stratum);
        payload[TRANSMIT] = 0xe5;
        payload
    }

    fn name(payload: &[u8]) -> Option<&'static str> {
        names(&[sent(Carrier::Udp, 40001, PORT, payload)])[0]
    }

    #[test]
    fn what_may_follow_the_header() {
        let with = |extra: &[u8]| [packet(0x23, 0), extra.to_vec()].concat();
        for length in [0, 4, 20, 24] {
            assert_eq!(name(&with(&vec![0; length])), Some("NTP"), "{length}");
        }
        // An NTS cookie placeholder of 28 bytes, and a field that is longer than what is left.
        let mut field = vec![0; 28];
        (field[0], field[1], field[3]) = (3, 4, 28);
        assert_eq!(name(&with(&field)), Some("NTP"));
        field[3] = 32;
        assert_eq!(name(&with(&field)), None);
        assert_eq!(name(&with(&[0; 3])), None);
    }

    #[test]
    fn servers_know_the_time() {
        assert_eq!(name(&packet(0x24, 2)), Some("NTP"));
        assert_eq!(name(&packet(0x24, 17)), None);
        assert_eq!(
            name(&{
                let mut p = packet(0x24, 2);
                p[TRANSMIT] = 0;
                p
            }),
            None
        );
    }

    #[test]
    fn off_the_port_the_response_must_repeat_the_timestamp() {
        let request = sent(Carrier::Udp, 40001, 5000, &packet(0x23, 0));
        let mut answer = packet(0x24, 2);
        answer[ORIGIN] = 0xe5;
        let response = Sent { reverse: true, ..sent(Carrier::Udp, 5000, 40001, &answer) };
        assert_eq!(names(&[request.clone(), response]), [None, Some("NTP")]);
        answer[ORIGIN] = 0xe6;
        let other = Sent { reverse: true, ..sent(Carrier::Udp, 5000, 40001, &answer) };
        assert_eq!(names(&[request, other]), [None, None]);
    }

    #[test]
    fn mode_and_stratum_are_told() {
        let mut payload = packet(0x24, 2);
        payload[3] = 0xe9;
        let (_, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Udp, 123, 4000, &payload));
        assert_eq!(info, "NTP Version 4, server");
        assert!(details.contains(&("precision", "-23".to_owned())));
    }
}
