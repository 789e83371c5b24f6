//! What SCTP carries, by the payload protocol identifier of its DATA chunks (RFC 9260 section 3.3.1): signalling of
//! mobile networks (3GPP) and of the telephone network over IP (SIGTRAN).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const DATA: u8 = 0;
/// Data with message interleaving (RFC 8260).
const I_DATA: u8 = 64;

/// Chunk types that may be the first of a packet with data.
pub(super) const FIRST: FirstBytes = FirstBytes::Ranges(&[(0, 15), (I_DATA, I_DATA), (128, 132), (192, 194)]);

/// A signature by the identifier `PPID`, described by `describe`.
const fn by_identifier<const PPID: u32>(
    name: &'static str,
    describe: fn(&Payload, &mut FlowState, &mut Shared, &mut Facts),
) -> Signature {
    Signature {
        name,
        carriers: &[Carrier::Sctp],
        first: FIRST,
        examine: |payload, _, _| match data(payload.bytes).any(|(ppid, _)| ppid == PPID) {
            true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            false => Verdict::No,
        },
        describe,
        ..Signature::BASE
    }
}

/// ISDN Q.921 user adaptation (RFC 4233).
pub static IUA: Signature = by_identifier::<1>("IUA", describe_adaptation);
/// MTP2 user adaptation (RFC 3331).
pub static M2UA: Signature = by_identifier::<2>("M2UA", describe_adaptation);
/// MTP3 user adaptation (RFC 4666).
pub static M3UA: Signature = by_identifier::<3>("M3UA", describe_adaptation);
/// SCCP user adaptation (RFC 3868).
pub static SUA: Signature = by_identifier::<4>("SUA", describe_adaptation);
/// MTP2 peer-to-peer adaptation (RFC 4165).
pub static M2PA: Signature = by_identifier::<5>("M2PA", describe_adaptation);
/// S1 application protocol (3GPP TS 36.413).
pub static S1AP: Signature = by_identifier::<18>("S1AP", |payload, _, _, facts| {
    describe_application(payload, 18, s1ap_procedure, facts);
});
/// X2 application protocol (3GPP TS 36.423).
pub static X2AP: Signature = by_identifier::<27>("X2AP", |payload, _, _, facts| {
    describe_application(payload, 27, x2ap_procedure, facts);
});
/// NG application protocol (3GPP TS 38.413).
pub static NGAP: Signature = by_identifier::<60>("NGAP", |payload, _, _, facts| {
    describe_application(payload, 60, ngap_procedure, facts);
});
/// Xn application protocol (3GPP TS 38.423).
pub static XNAP: Signature = by_identifier::<61>("XnAP", |payload, _, _, facts| {
    describe_application(payload, 61, xnap_procedure, facts);
});

/// Payload protocol identifier and user data of the chunks that begin a message.
pub(super) fn data(chunks: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    Chunks { rest: chunks }.filter_map(|(kind, flags, value)| {
        // Offsets are those behind the chunk header. Bit B: the first fragment of a message.
        let offset = match kind {
            DATA => 8,
            I_DATA if flags & 2 != 0 => 12,
            _ => return None,
        };
        let ppid = value.get(offset..)?.first_chunk().map(|field| u32::from_be_bytes(*field))?;
        (flags & 2 != 0 || kind == DATA).then_some((ppid, value.get(offset + 4..)?))
    })
}

/// Chunks of a packet: type, flags, and value as far as it was captured.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (u8, u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([kind, flags, high, low], after) = self.rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(4)?;
        let value = after.get(..length).unwrap_or(after);
        // Padded to four bytes; the last chunk's padding may be missing.
        self.rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((*kind, *flags, value))
    }
}

fn chunk_name(kind: u8) -> &'static str {
    match kind {
        0 => "DATA",
        1 => "INIT",
        2 => "INIT_ACK",
        3 => "SACK",
        4 => "HEARTBEAT",
        5 => "HEARTBEAT_ACK",
        6 => "ABORT",
        7 => "SHUTDOWN",
        8 => "SHUTDOWN_ACK",
        9 => "ERROR",
        10 => "COOKIE_ECHO",
        11 => "COOKIE_ACK",
        14 => "SHUTDOWN_COMPLETE",
        15 => "AUTH",
        I_DATA => "I_DATA",
        128 => "ASCONF_ACK",
        130 => "RE_CONFIG",
        132 => "PAD",
        192 => "FORWARD_TSN",
        193 => "ASCONF",
        _ => "chunk",
    }
}

/// The names of the chunks, for packets of which there is nothing else to say. At most 8 of them.
pub(super) fn say_chunks(payload: &Payload, facts: &mut Facts) {
    for (place, (kind, ..)) in (Chunks { rest: payload.bytes }).take(8).enumerate() {
        if place != 0 {
            facts.say(b", ");
        }
        facts.say(chunk_name(kind).as_bytes());
    }
}

/// User adaptation layers have one header: version, class, type (RFC 4666 section 3.1 and the like).
fn describe_adaptation(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let mut said = false;
    for (ppid, message) in data(payload.bytes).filter(|(ppid, _)| matches!(ppid, 1..=5)).take(8) {
        let Some(&[1, _, class, kind]) = message.first_chunk() else { continue };
        let name = adaptation_message(ppid, class, kind);
        if said {
            facts.say(b", ");
        } else {
            facts.put("message", name.as_bytes());
            facts.put_number("message_class", class.into());
            facts.put_number("message_type", kind.into());
        }
        facts.say(name.as_bytes());
        said = true;
    }
    if !said {
        say_chunks(payload, facts);
    }
}

fn adaptation_message(ppid: u32, class: u8, kind: u8) -> &'static str {
    match (ppid, class, kind) {
        (5, 11, 1) => "User Data",
        (5, 11, 2) => "Link Status",
        (_, 0, 0) => "ERR",
        (_, 0, 1) => "NTFY",
        (_, 1, 1) => "DATA",
        (_, 2, 1) => "DUNA",
        (_, 2, 2) => "DAVA",
        (_, 2, 3) => "DAUD",
        (_, 2, 4) => "SCON",
        (_, 2, 5) => "DUPU",
        (_, 2, 6) => "DRST",
        (_, 3, 1) => "ASPUP",
        (_, 3, 2) => "ASPDN",
        (_, 3, 3) => "BEAT",
        (_, 3, 4) => "ASPUP_ACK",
        (_, 3, 5) => "ASPDN_ACK",
        (_, 3, 6) => "BEAT_ACK",
        (_, 4, 1) => "ASPAC",
        (_, 4, 2) => "ASPIA",
        (_, 4, 3) => "ASPAC_ACK",
        (_, 4, 4) => "ASPIA_ACK",
        (4, 7, 1) => "CLDT",
        (4, 7, 2) => "CLDR",
        (4, 8, 1) => "CORE",
        (4, 8, 2) => "COAK",
        (4, 8, 3) => "COREF",
        (4, 8, 4) => "RELRE",
        (4, 8, 5) => "RELCO",
        (4, 8, 6) => "RESCO",
        (4, 8, 7) => "RESRE",
        (4, 8, 8) => "CODT",
        (4, 8, 9) => "CODA",
        (4, 8, 10) => "COERR",
        (4, 8, 11) => "COIT",
        (_, 9, 1) => "REG_REQ",
        (_, 9, 2) => "REG_RSP",
        (_, 9, 3) => "DEREG_REQ",
        (_, 9, 4) => "DEREG_RSP",
        (1, 5, 1) => "Data Request",
        (1, 5, 2) => "Data Indication",
        (1, 5, 3) => "Unit Data Request",
        (1, 5, 4) => "Unit Data Indication",
        (1, 5, 5) => "Establish Request",
        (1, 5, 6) => "Establish Confirm",
        (1, 5, 7) => "Establish Indication",
        (1, 5, 8) => "Release Request",
        (1, 5, 9) => "Release Confirm",
        (1, 5, 10) => "Release Indication",
        (2, 6, 1) => "Data",
        (2, 6, 2) => "Establish Request",
        (2, 6, 3) => "Establish Confirm",
        (2, 6, 4) => "Release Request",
        (2, 6, 5) => "Release Confirm",
        (2, 6, 6) => "Release Indication",
        (2, 6, 7) => "State Request",
        (2, 6, 8) => "State Confirm",
        (2, 6, 9) => "State Indication",
        (2, 6, 15) => "Data Acknowledge",
        _ => "Unknown message",
    }
}

/// The application protocols of 3GPP are one PER choice (what kind of message) and a procedure code (aligned PER).
fn describe_application(payload: &Payload, ppid: u32, procedure: fn(u8) -> &'static str, facts: &mut Facts) {
    let mut said = false;
    for (_, message) in data(payload.bytes).filter(|(other, _)| *other == ppid).take(8) {
        let Some(&[choice, code]) = message.first_chunk() else { continue };
        let kind = match choice {
            0x00 => "InitiatingMessage",
            0x20 => "SuccessfulOutcome",
            0x40 => "UnsuccessfulOutcome",
            _ => continue,
        };
        let name = procedure(code);
        if said {
            facts.say(b", ");
        } else {
            facts.put("procedure", name.as_bytes());
            facts.put_number("procedure_code", code.into());
            facts.put("message_type", kind.as_bytes());
        }
        facts.say(name.as_bytes());
        facts.say(match choice {
            0x00 => b"",
            0x20 => b" (success)",
            _ => b" (failure)",
        });
        said = true;
    }
    if !said {
        say_chunks(payload, facts);
    }
}

/// TS 36.413 section 9.3.
fn s1ap_procedure(code: u8) -> &'static str {
    match code {
        0 => "HandoverPreparation",
        1 => "HandoverResourceAllocation",
        2 => "HandoverNotification",
        3 => "PathSwitchRequest",
        4 => "HandoverCancel",
        5 => "E-RABSetup",
        6 => "E-RABModify",
        7 => "E-RABRelease",
        8 => "E-RABReleaseIndication",
        9 => "InitialContextSetup",
        10 => "Paging",
        11 => "DownlinkNASTransport",
        12 => "InitialUEMessage",
        13 => "UplinkNASTransport",
        14 => "Reset",
        15 => "ErrorIndication",
        16 => "NASNonDeliveryIndication",
        17 => "S1Setup",
        18 => "UEContextReleaseRequest",
        21 => "UEContextModification",
        22 => "UECapabilityInfoIndication",
        23 => "UEContextRelease",
        24 => "eNBStatusTransfer",
        25 => "MMEStatusTransfer",
        26 => "DeactivateTrace",
        27 => "TraceStart",
        28 => "TraceFailureIndication",
        29 => "ENBConfigurationUpdate",
        30 => "MMEConfigurationUpdate",
        31 => "LocationReportingControl",
        32 => "LocationReportingFailureIndication",
        33 => "LocationReport",
        34 => "OverloadStart",
        35 => "OverloadStop",
        36 => "WriteReplaceWarning",
        37 => "eNBDirectInformationTransfer",
        38 => "MMEDirectInformationTransfer",
        43 => "Kill",
        50 => "E-RABModificationIndication",
        _ => "Procedure",
    }
}

/// TS 36.423 section 9.3.
fn x2ap_procedure(code: u8) -> &'static str {
    match code {
        0 => "HandoverPreparation",
        1 => "HandoverCancel",
        2 => "LoadIndication",
        3 => "ErrorIndication",
        4 => "SNStatusTransfer",
        5 => "UEContextRelease",
        6 => "X2Setup",
        7 => "Reset",
        8 => "ENBConfigurationUpdate",
        9 => "ResourceStatusReportingInitiation",
        10 => "ResourceStatusReporting",
        15 => "CellActivation",
        16 => "X2Release",
        36 => "ENDCX2Setup",
        _ => "Procedure",
    }
}

/// TS 38.413 section 9.4.
fn ngap_procedure(code: u8) -> &'static str {
    match code {
        0 => "AMFConfigurationUpdate",
        1 => "AMFStatusIndication",
        2 => "CellTrafficTrace",
        3 => "DeactivateTrace",
        4 => "DownlinkNASTransport",
        5 => "DownlinkNonUEAssociatedNRPPaTransport",
        6 => "DownlinkRANConfigurationTransfer",
        7 => "DownlinkRANStatusTransfer",
        8 => "DownlinkUEAssociatedNRPPaTransport",
        9 => "ErrorIndication",
        10 => "HandoverCancel",
        11 => "HandoverNotification",
        12 => "HandoverPreparation",
        13 => "HandoverResourceAllocation",
        14 => "InitialContextSetup",
        15 => "InitialUEMessage",
        16 => "LocationReportingControl",
        17 => "LocationReportingFailureIndication",
        18 => "LocationReport",
        19 => "NASNonDeliveryIndication",
        20 => "NGReset",
        21 => "NGSetup",
        22 => "OverloadStart",
        23 => "OverloadStop",
        24 => "Paging",
        25 => "PathSwitchRequest",
        26 => "PDUSessionResourceModify",
        27 => "PDUSessionResourceModifyIndication",
        28 => "PDUSessionResourceRelease",
        29 => "PDUSessionResourceSetup",
        30 => "PDUSessionResourceNotify",
        31 => "PrivateMessage",
        32 => "PWSCancel",
        35 => "RANConfigurationUpdate",
        36 => "RerouteNASRequest",
        40 => "UEContextModification",
        41 => "UEContextRelease",
        42 => "UEContextReleaseRequest",
        43 => "UERadioCapabilityCheck",
        44 => "UERadioCapabilityInfoIndication",
        46 => "UplinkNASTransport",
        51 => "WriteReplaceWarning",
        _ => "Procedure",
    }
}

/// TS 38.423 section 9.3.
fn xnap_procedure(code: u8) -> &'static str {
    match code {
        0 => "HandoverPreparation",
        1 => "SNStatusTransfer",
        2 => "HandoverCancel",
        3 => "RetrieveUEContext",
        4 => "RANPaging",
        6 => "UEContextRelease",
        7 => "SNGRANnodeAdditionPreparation",
        17 => "XnSetup",
        18 => "NGRANnodeConfigurationUpdate",
        19 => "CellActivation",
        20 => "Reset",
        21 => "ErrorIndication",
        _ => "Procedure",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn data_chunk(ppid: u32, message: &[u8]) -> Vec<u8> {
        let mut chunk = vec![0, 3];
        chunk.extend_from_slice(&(16 + message.len() as u16).to_be_bytes());
        chunk.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0]);
        chunk.extend_from_slice(&ppid.to_be_bytes());
        chunk.extend_from_slice(message);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    #[test]
    fn the_identifier_decides_behind_other_chunks() {
        let acknowledgement = b"\x03\0\0\x10\0\0\0\x01\0\0\xff\xff\0\0\0\0";
        for (ppid, message, name, info) in [
            (18, &b"\0\x11\0"[..], "S1AP", "S1Setup"),
            (60, b"\x20\x15\0", "NGAP", "NGSetup (success)"),
            (27, b"\x40\x06\0", "X2AP", "X2Setup (failure)"),
            (61, b"\0\x11\0", "XnAP", "XnSetup"),
            (3, b"\x01\0\x01\x01\0\0\0\x08", "M3UA", "DATA"),
            (4, b"\x01\0\x07\x01\0\0\0\x08", "SUA", "CLDT"),
            (5, b"\x01\0\x0b\x02\0\0\0\x08", "M2PA", "Link Status"),
            (2, b"\x01\0\x06\x01\0\0\0\x08", "M2UA", "Data"),
            (1, b"\x01\0\x03\x01\0\0\0\x08", "IUA", "ASPUP"),
        ] {
            let packet = [acknowledgement.to_vec(), data_chunk(ppid, message)].concat();
            let packet = sent(Carrier::Sctp, 36412, 36412, &packet);
            let (found, _, said) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, said.as_str()), (Some(name), info));
        }
    }

    #[test]
    fn chunks_without_data_take_the_flow_s_name() {
        let heartbeat = sent(Carrier::Sctp, 36412, 36412, b"\x04\0\0\x08\0\x01\0\x04");
        let setup = sent(Carrier::Sctp, 36412, 36412, &data_chunk(18, b"\0\x11\0"));
        assert_eq!(names(&[heartbeat.clone(), setup.clone(), heartbeat]), [None, Some("S1AP"), Some("S1AP")]);
        let several = [data_chunk(18, b"\0\x0c\0"), data_chunk(18, b"\0\x0b\0")].concat();
        let packet = sent(Carrier::Sctp, 1, 2, &several);
        let (_, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(info, "InitialUEMessage, DownlinkNASTransport");
    }

    #[test]
    fn lengths_that_lie_end_the_walk() {
        for payload in [&b"\0\x03\0\x03\0\0\0\0\0\0\0\0\0\0\0\x12"[..], b"\x03\0\0\0", b"\0"] {
            assert_eq!(names(&[sent(Carrier::Sctp, 1, 2, payload)]), [None]);
        }
    }
}
