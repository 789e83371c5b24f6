//! GTP: user plane (3GPP TS 29.281), control plane version 1 (TS 29.060) and 2 (TS 29.274).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const USER_PORT: u16 = 2152;
const CONTROL_PORT: u16 = 2123;
const HEADER_LENGTH: usize = 8;

/// Bits of the first byte of version 1: version 1 and protocol type GTP; extension header, sequence, N-PDU number.
const VERSION_1: u8 = 0x30;
const EXTENSION: u8 = 0x04;
const SEQUENCE: u8 = 0x02;
const N_PDU: u8 = 0x01;
/// Bits of the first byte of version 2: a piggybacked message follows, a TEID is there.
const PIGGYBACKED: u8 = 0x10;
const TEID: u8 = 0x08;

const G_PDU: u8 = 255;

/// GTP-U: exact length, and an IP packet in what it carries.
pub static GTP_U: Signature = Signature {
    name: "GTP-U",
    carriers: &[Carrier::Udp],
    ports: &[USER_PORT],
    first: FirstBytes::Ranges(&[(0x30, 0x37)]),
    examine: |payload, _, _| match is_user_plane(payload) {
        true if payload.on_port(&[USER_PORT]) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        // Elsewhere what it carries has to be seen.
        true if payload.u8(1) == Some(G_PDU) => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    },
    describe: describe_user_plane,
    ..Signature::BASE
};

/// GTP control plane, version 1.
pub static GTPV1_C: Signature = Signature {
    name: "GTPv1-C",
    carriers: &[Carrier::Udp],
    ports: &[CONTROL_PORT],
    first: FirstBytes::Ranges(&[(0x30, 0x37)]),
    examine: |payload, _, _| match is_version_1(payload) && payload.on_port(&[CONTROL_PORT]) {
        true if payload.u8(1).is_some_and(|kind| name_v1(kind).is_some()) => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Port)
        }
        _ => Verdict::No,
    },
    // Both versions may share a flow.
    continues: |payload, _, _| payload.u8(0).is_none_or(|first| first >> 5 != 2),
    describe: describe_version_1,
    ..Signature::BASE
};

/// GTP control plane, version 2.
pub static GTPV2_C: Signature = Signature {
    name: "GTPv2-C",
    carriers: &[Carrier::Udp],
    ports: &[CONTROL_PORT],
    first: FirstBytes::Ranges(&[(0x40, 0x5f)]),
    examine: |payload, _, _| match is_version_2(payload) {
        true if payload.on_port(&[CONTROL_PORT]) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        true if is_followed_well(payload) => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    },
    continues: |payload, _, _| payload.u8(0).is_none_or(|first| first >> 5 != 1),
    describe: describe_version_2,
    ..Signature::BASE
};

fn is_version_1(payload: &Payload) -> bool {
    payload.u8(0).is_some_and(|first| first & 0xf8 == VERSION_1)
        && payload.u16(2).is_some_and(|length| usize::from(length) + HEADER_LENGTH == payload.length)
}

fn is_user_plane(payload: &Payload) -> bool {
    if !is_version_1(payload) {
        return false;
    }
    match payload.u8(1) {
        Some(1 | 2 | 26 | 31 | 253 | 254) => true,
        Some(G_PDU) => inner_version(payload).is_some(),
        _ => false,
    }
}

/// IP version of what a G-PDU carries, behind optional fields and extension headers.
fn inner_version(payload: &Payload) -> Option<u8> {
    let flags = payload.u8(0)?;
    let mut at = HEADER_LENGTH;
    if flags & (EXTENSION | SEQUENCE | N_PDU) != 0 {
        at += 4;
        let mut next = if flags & EXTENSION != 0 { payload.u8(at - 1)? } else { 0 };
        while next != 0 {
            let words = payload.u8(at).filter(|words| *words != 0)?;
            at += usize::from(words) * 4;
            next = payload.u8(at - 1)?;
        }
    }
    let version = payload.u8(at)? >> 4;
    matches!(version, 4 | 6).then_some(version)
}

fn is_version_2(payload: &Payload) -> bool {
    let (Some(first), Some(kind), Some(length)) = (payload.u8(0), payload.u8(1), payload.u16(2)) else {
        return false;
    };
    let end = usize::from(length) + 4;
    let fits = match first & PIGGYBACKED {
        0 => end == payload.length,
        _ => end < payload.length,
    };
    first & 0x03 == 0 && fits && name_v2(kind).is_some() && elements_fit(payload, first, end)
}

/// Whether what follows a message that says so is another one, the last (TS 29.274 section 5.5.1).
fn is_followed_well(payload: &Payload) -> bool {
    let end = payload.u16(2).map_or(0, |length| usize::from(length) + 4);
    let follows = payload.u8(0).is_some_and(|first| first & PIGGYBACKED != 0);
    let is_last = payload.u8(end).is_none_or(|second| second >> 5 == 2 && second & PIGGYBACKED == 0);
    let fills = payload.u16(end + 2).is_none_or(|length| end + 4 + usize::from(length) == payload.length);
    !follows || is_last && fills
}

/// Whether information elements (type, length, instance) fill the message from its header to `end`.
fn elements_fit(payload: &Payload, first: u8, end: usize) -> bool {
    let mut at = if first & TEID != 0 { 12 } else { 8 };
    while at < end {
        match payload.u16(at + 1) {
            Some(length) => at += 4 + usize::from(length),
            None => return !payload.is_whole(),
        }
    }
    at == end
}

fn name_v1(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "Echo request",
        2 => "Echo response",
        3 => "Version not supported",
        16 => "Create PDP context request",
        17 => "Create PDP context response",
        18 => "Update PDP context request",
        19 => "Update PDP context response",
        20 => "Delete PDP context request",
        21 => "Delete PDP context response",
        22 => "Initiate PDP context activation request",
        23 => "Initiate PDP context activation response",
        26 => "Error indication",
        27 => "PDU notification request",
        28 => "PDU notification response",
        29 => "PDU notification reject request",
        30 => "PDU notification reject response",
        31 => "Supported extension header notification",
        32 => "Send routing information for GPRS request",
        33 => "Send routing information for GPRS response",
        34 => "Failure report request",
        35 => "Failure report response",
        36 => "Note MS GPRS present request",
        37 => "Note MS GPRS present response",
        48 => "Identification request",
        49 => "Identification response",
        50 => "SGSN context request",
        51 => "SGSN context response",
        52 => "SGSN context acknowledgement",
        53 => "Forward relocation request",
        54 => "Forward relocation response",
        55 => "Forward relocation complete",
        56 => "Relocation cancel request",
        57 => "Relocation cancel response",
        58 => "Forward SRNS context",
        59 => "Forward relocation complete acknowledge",
        60 => "Forward SRNS context acknowledge",
        61 => "UE registration query request",
        62 => "UE registration query response",
        70 => "RAN information relay",
        96..=105 | 112..=121 => "MBMS message",
        128 => "MS info change notification request",
        129 => "MS info change notification response",
        253 => "Tunnel status",
        254 => "End marker",
        G_PDU => "T-PDU",
        _ => return None,
    })
}

fn name_v2(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "Echo Request",
        2 => "Echo Response",
        3 => "Version Not Supported Indication",
        32 => "Create Session Request",
        33 => "Create Session Response",
        34 => "Modify Bearer Request",
        35 => "Modify Bearer Response",
        36 => "Delete Session Request",
        37 => "Delete Session Response",
        38 => "Change Notification Request",
        39 => "Change Notification Response",
        40 => "Remote UE Report Notification",
        41 => "Remote UE Report Acknowledge",
        64 => "Modify Bearer Command",
        65 => "Modify Bearer Failure Indication",
        66 => "Delete Bearer Command",
        67 => "Delete Bearer Failure Indication",
        68 => "Bearer Resource Command",
        69 => "Bearer Resource Failure Indication",
        70 => "Downlink Data Notification Failure Indication",
        71 => "Trace Session Activation",
        72 => "Trace Session Deactivation",
        73 => "Stop Paging Indication",
        95 => "Create Bearer Request",
        96 => "Create Bearer Response",
        97 => "Update Bearer Request",
        98 => "Update Bearer Response",
        99 => "Delete Bearer Request",
        100 => "Delete Bearer Response",
        101 => "Delete PDN Connection Set Request",
        102 => "Delete PDN Connection Set Response",
        103 => "PGW Downlink Triggering Notification",
        104 => "PGW Downlink Triggering Acknowledge",
        128 => "Identification Request",
        129 => "Identification Response",
        130 => "Context Request",
        131 => "Context Response",
        132 => "Context Acknowledge",
        133 => "Forward Relocation Request",
        134 => "Forward Relocation Response",
        135 => "Forward Relocation Complete Notification",
        136 => "Forward Relocation Complete Acknowledge",
        137 => "Forward Access Context Notification",
        138 => "Forward Access Context Acknowledge",
        139 => "Relocation Cancel Request",
        140 => "Relocation Cancel Response",
        149 => "Detach Notification",
        150 => "Detach Acknowledge",
        151 => "CS Paging Indication",
        152 => "RAN Information Relay",
        153 => "Alert MME Notification",
        154 => "Alert MME Acknowledge",
        155 => "UE Activity Notification",
        156 => "UE Activity Acknowledge",
        160 => "Create Forwarding Tunnel Request",
        161 => "Create Forwarding Tunnel Response",
        162 => "Suspend Notification",
        163 => "Suspend Acknowledge",
        164 => "Resume Notification",
        165 => "Resume Acknowledge",
        166 => "Create Indirect Data Forwarding Tunnel Request",
        167 => "Create Indirect Data Forwarding Tunnel Response",
        168 => "Delete Indirect Data Forwarding Tunnel Request",
        169 => "Delete Indirect Data Forwarding Tunnel Response",
        170 => "Release Access Bearers Request",
        171 => "Release Access Bearers Response",
        176 => "Downlink Data Notification",
        177 => "Downlink Data Notification Acknowledgement",
        179 => "PGW Restart Notification",
        180 => "PGW Restart Notification Acknowledge",
        200 => "Update PDN Connection Set Request",
        201 => "Update PDN Connection Set Response",
        211 => "Modify Access Bearers Request",
        212 => "Modify Access Bearers Response",
        231..=236 => "MBMS Session Message",
        _ => return None,
    })
}

fn describe_user_plane(payload: &Payload, state: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    describe_version_1(payload, state, shared, facts);
    if let Some(version) = inner_version(payload).filter(|_| payload.u8(1) == Some(G_PDU)) {
        facts.say(b" IPv");
        facts.say_number(version.into());
        facts.put_number("inner_ip_version", version.into());
    }
}

fn describe_version_1(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(kind), Some(length), Some(teid)) = (payload.u8(1), payload.u16(2), payload.array::<4>(4))
    else {
        return;
    };
    describe_message(kind, name_v1(kind), length, Some(teid), facts);
    if payload.u8(0).is_some_and(|flags| flags & SEQUENCE != 0)
        && let Some(sequence) = payload.u16(HEADER_LENGTH)
    {
        facts.put_number("sequence", sequence.into());
    }
}

fn describe_version_2(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(first), Some(kind), Some(length)) = (payload.u8(0), payload.u8(1), payload.u16(2)) else {
        return;
    };
    let has_teid = first & TEID != 0;
    let teid = if has_teid { payload.array::<4>(4) } else { None };
    describe_message(kind, name_v2(kind), length, teid, facts);
    if let Some(sequence) = payload.u24(if has_teid { 8 } else { 4 }) {
        facts.put_number("sequence", sequence.into());
    }
}

fn describe_message(kind: u8, name: Option<&str>, length: u16, teid: Option<[u8; 4]>, facts: &mut Facts) {
    let name = name.unwrap_or("Unknown message");
    facts.say(name.as_bytes());
    facts.put_number("message_type", kind.into());
    facts.put("message_name", name.as_bytes());
    facts.put_number("length", length.into());
    if let Some(teid) = teid {
        facts.say(b" TEID=0x");
        facts.say_hex(&teid);
        facts.put_hex("teid", &teid);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn info(port: u16, payload: &[u8]) -> (Option<&'static str>, String) {
        let packet = sent(Carrier::Udp, port, port, payload);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        (name, info)
    }

    #[test]
    fn user_data_behind_extension_headers() {
        let mut payload = b"\x34\xff\0\x1c\0\0\0\x09\0\0\0\x85\x01\x10\x07\0\x45".to_vec();
        payload.resize(36, 0);
        assert_eq!(info(2152, &payload), (Some("GTP-U"), "T-PDU TEID=0x00000009 IPv4".to_owned()));
        assert_eq!(info(40003, &payload).0, Some("GTP-U"));
        for (at, value) in [(12, 0), (16, 0x55), (3, 0x1d), (0, 0x24), (1, 200)] {
            let mut payload = payload.clone();
            payload[at] = value;
            assert_eq!(info(2152, &payload).0, None, "{at}");
        }
    }

    #[test]
    fn control_messages_of_both_versions() {
        let version_1 = b"\x32\x01\0\x04\0\0\0\0\0\x07\0\0";
        assert_eq!(info(2123, version_1), (Some("GTPv1-C"), "Echo request TEID=0x00000000".to_owned()));
        assert_eq!(info(40003, version_1).0, None);
        let version_2 = b"\x48\x20\0\x0d\0\0\0\0\0\0\x07\0\x03\0\x01\0\x05";
        let expected = (Some("GTPv2-C"), "Create Session Request TEID=0x00000000".to_owned());
        assert_eq!(info(2123, version_2), expected);
        let both =
            [&version_1[..], version_2, version_1].map(|payload| sent(Carrier::Udp, 2123, 2123, payload));
        assert_eq!(names(&both), ["GTPv1-C", "GTPv2-C", "GTPv1-C"].map(Some));
        let mut short = version_2.to_vec();
        short[14] = 2;
        assert_eq!(names(&[sent(Carrier::Udp, 2123, 2123, &short)]), [None]);
    }
}
