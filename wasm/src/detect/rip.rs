//! RIP (RFC 1058, RFC 2453) and RIPng (RFC 2080). Passwords are not shown.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const RIP_PORTS: &[u16] = &[520];
const RIPNG_PORTS: &[u16] = &[521];
const HEADER_LENGTH: usize = 4;
const ENTRY_LENGTH: usize = 20;
const INFINITY: u32 = 16;
/// Most entries of a RIP message, and one that authenticates it.
const MOST_ENTRIES: usize = 26;
/// Address family of an entry that authenticates the message (RFC 2453 section 4.1).
const AUTHENTICATION: u16 = 0xffff;
/// With a digest behind the message (RFC 4822).
const CRYPTOGRAPHIC: u16 = 3;
/// Metric of an entry that is a next hop.
const NEXT_HOP: u8 = 0xff;

/// RIP versions 1 and 2.
pub static RIP: Signature = Signature {
    name: "RIP",
    carriers: &[Carrier::Udp],
    ports: RIP_PORTS,
    first: FirstBytes::OneOf(&[1, 2]),
    examine: |payload, _, _| match payload.on_port(RIP_PORTS) && is_rip(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// RIPng.
pub static RIPNG: Signature = Signature {
    name: "RIPng",
    carriers: &[Carrier::Udp],
    ports: RIPNG_PORTS,
    first: FirstBytes::OneOf(&[1, 2]),
    examine: |payload, _, _| match payload.on_port(RIPNG_PORTS) && is_ripng(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// Where the entries end, with the first of them, whole ones up to there; behind them may be a digest.
fn entries_end(payload: &Payload) -> Option<usize> {
    let is_signed =
        payload.u16(HEADER_LENGTH) == Some(AUTHENTICATION) && payload.u16(6) == Some(CRYPTOGRAPHIC);
    let end = match payload.u16(8).filter(|_| is_signed) {
        Some(end) => {
            // Some count the four bytes in front of the digest, some do not.
            let digest_length = usize::from(payload.u8(11)?);
            let rest = payload.length.checked_sub(end.into())?;
            if rest != digest_length && rest != digest_length + 4 {
                return None;
            }
            usize::from(end)
        }
        None => payload.length,
    };
    let has_entries =
        end >= HEADER_LENGTH + ENTRY_LENGTH && (end - HEADER_LENGTH).is_multiple_of(ENTRY_LENGTH);
    has_entries.then_some(end)
}

fn is_rip(payload: &Payload) -> bool {
    let (Some([1 | 2, version @ (1 | 2), 0, 0]), Some(end)) = (payload.array(0), entries_end(payload)) else {
        return false;
    };
    let mut entries = (HEADER_LENGTH..end).step_by(ENTRY_LENGTH);
    entries.len() <= MOST_ENTRIES
        && entries.all(|at| {
            let (Some(family), Some(tag), Some(metric)) =
                (payload.u16(at), payload.u16(at + 2), payload.u32(at + 16))
            else {
                return !payload.is_whole();
            };
            match family {
                AUTHENTICATION => version == 2 && at == HEADER_LENGTH && matches!(tag, 2 | CRYPTOGRAPHIC),
                // IP; 0 asks for all there is.
                0 | 2 => {
                    let is_plain = tag == 0 && payload.u64(at + 8) == Some(0);
                    metric <= INFINITY && (version == 2 || is_plain)
                }
                _ => false,
            }
        })
}

fn is_ripng(payload: &Payload) -> bool {
    let (Some([1 | 2, 1, 0, 0]), Some(entries)) =
        (payload.array(0), payload.length.checked_sub(HEADER_LENGTH).filter(|length| *length > 0))
    else {
        return false;
    };
    entries.is_multiple_of(ENTRY_LENGTH)
        && (HEADER_LENGTH..payload.length).step_by(ENTRY_LENGTH).all(|at| match payload.array(at + 18) {
            Some([0..=128, 0..=16]) | Some([0, NEXT_HOP]) => true,
            Some(_) => false,
            None => !payload.is_whole(),
        })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([command, version]) = payload.array(0) else { return };
    let name: &[u8] = if command == 1 { b"Request" } else { b"Response" };
    let is_rip = payload.on_port(RIP_PORTS);
    let end = if is_rip { entries_end(payload) } else { Some(payload.length) };
    let signed = is_rip && payload.u16(HEADER_LENGTH) == Some(AUTHENTICATION);
    let entries = end.unwrap_or(0).saturating_sub(HEADER_LENGTH) / ENTRY_LENGTH;
    facts.say(name);
    facts.put("command", name);
    facts.put_number("version", version.into());
    facts.put_number("entries", entries.saturating_sub(signed.into()) as u64);
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn route(family: u8, metric: u8) -> Vec<u8> {
        [&[0, family, 0, 0, 10, 0, 1, 0][..], &[0; 11], &[metric]].concat()
    }

    #[test]
    fn messages_of_all_versions() {
        let password = [&b"\xff\xff\0\x02"[..], b"secret\0\0\0\0\0\0\0\0\0\0"].concat();
        let digest = [&b"\xff\xff\0\x03\0\x2c\x01\x14"[..], &[0; 12]].concat();
        let trailer = [&b"\xff\xff\0\x01"[..], &[7; 16]].concat();
        let route6 = [&[0x20; 16][..], &[0, 0, 64, 1]].concat();
        for (port, payload, name, expected, entries) in [
            (520, [&[2, 1, 0, 0][..], &route(2, 1), &route(2, 16)].concat(), "RIP", "Response", "2"),
            (520, [&[1, 1, 0, 0][..], &route(0, 16)].concat(), "RIP", "Request", "1"),
            (520, [&[2, 2, 0, 0][..], &password, &route(2, 3)].concat(), "RIP", "Response", "1"),
            (520, [&[2, 2, 0, 0][..], &digest, &route(2, 3), &trailer].concat(), "RIP", "Response", "1"),
            (521, [&[2, 1, 0, 0][..], &route6, &route6].concat(), "RIPng", "Response", "2"),
            (521, [&[1, 1, 0, 0][..], &[0; 19], &[16]].concat(), "RIPng", "Request", "1"),
        ] {
            let packet = sent(Carrier::Udp, port, port, &payload);
            let (found, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
            assert!(details.contains(&("entries", entries.to_owned())), "{details:?}");
            assert!(details.iter().all(|(_, value)| !value.contains("secret")));
            assert_eq!(names(&[sent(Carrier::Udp, 5200, 5201, &payload)]), [None]);
            assert_eq!(names(&[sent(Carrier::Udp, port, port, &payload[..payload.len() - 1])]), [None]);
        }
    }

    #[test]
    fn what_must_be_zero_is() {
        let rip = [&[2, 1, 0, 0][..], &route(2, 1)].concat();
        for (at, value) in [(0, 3), (1, 3), (2, 1), (5, 3), (6, 1), (12, 1), (20, 1), (23, 17)] {
            let mut payload = rip.clone();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 520, 520, &payload)]), [None], "{at} {value}");
        }
        for (at, value) in [(1, 2), (2, 1), (22, 129), (23, 17)] {
            let mut payload = [&[2, 1, 0, 0][..], &[0; 20]].concat();
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Udp, 521, 521, &payload)]), [None], "{at} {value}");
        }
    }
}
