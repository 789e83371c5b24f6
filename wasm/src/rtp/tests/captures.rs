//! Streams of real captures, against what tshark says of them.

use super::super::candidates::{Candidates, Endpoints, Verdict};
use super::super::{Header, StreamQuality, rtcp};
use crate::net::{Fragment, Transport, decode};
use crate::record::{Reader, Step};
use std::collections::HashMap;
use std::path::PathBuf;

/// A stream as the truth names it: source, destination, SSRC.
type Name = (String, u16, String, u16, u32);

/// A source whose call goes on to fax, and its last packets of voice that tshark takes for T.38: they come after the
/// session description.
const FAX: (u32, u64) = (0x0eaf_0eaf, 27);

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    if !folder.join("truth/sip.json").exists() {
        println!("skipped: no captures at ../shared/captures");
        return None;
    }
    Some(folder)
}

/// Shows each UDP payload of a capture.
fn each_datagram(stream: &[u8], mut visit: impl FnMut(&[u8], &Endpoints, i64)) {
    let (mut reader, mut position) = (Reader::new(), 0);
    while let Step::Record(record) = reader.next(stream, &mut position, true) {
        let packet = decode(record.link_type, record.data);
        let Some(ip) =
            packet.ip.filter(|_| packet.transport == Transport::Udp && packet.fragment == Fragment::None)
        else {
            continue;
        };
        let endpoints = Endpoints {
            source: ip.source,
            source_port: packet.source_port,
            destination: ip.destination,
            destination_port: packet.destination_port,
            scope: 0,
        };
        visit(packet.payload, &endpoints, record.timestamp_ns);
    }
}

fn name(endpoints: &Endpoints, ssrc: u32) -> Name {
    let Endpoints { source, source_port, destination, destination_port, .. } = endpoints;
    (source.to_string(), *source_port, destination.to_string(), *destination_port, ssrc)
}

#[test]
fn figures_agree_with_tshark() {
    let Some(folder) = folder() else { return };
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth/sip.json")).unwrap()).unwrap();
    let mut compared = 0;
    for file in truth["per_file"].as_array().unwrap() {
        let file_name = file["file"].as_str().unwrap();
        let stream = std::fs::read(folder.join(file_name)).unwrap();
        let mut found: HashMap<Name, StreamQuality> = HashMap::new();
        let mut candidates = Candidates::new(1000);
        let mut accepted = Vec::new();
        each_datagram(&stream, |payload, endpoints, arrival_ns| {
            if let Some(header) = Header::parse(payload) {
                let quality = found.entry(name(endpoints, header.ssrc)).or_default();
                quality.update(&header, arrival_ns, 8000);
            }
            if let Verdict::Accepted(header, _) = candidates.observe(payload, endpoints, arrival_ns) {
                accepted.push(name(endpoints, header.ssrc));
            }
        });
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let port = |value: &serde_json::Value| u16::try_from(value.as_u64().unwrap()).unwrap();
        let streams: Vec<_> = file["rtp_streams"].as_array().unwrap().iter().collect();
        let names: Vec<_> = streams
            .iter()
            .map(|stream| {
                let ssrc = u32::from_str_radix(text(&stream["ssrc"]).trim_start_matches("0x"), 16).unwrap();
                (
                    text(&stream["src"]),
                    port(&stream["sport"]),
                    text(&stream["dst"]),
                    port(&stream["dport"]),
                    ssrc,
                )
            })
            .collect();
        for (name, stream) in names.iter().zip(&streams) {
            let quality = found.get(name).unwrap_or_else(|| panic!("{file_name}: no stream {name:?}"));
            let unseen = if name.4 == FAX.0 { FAX.1 } else { 0 };
            let packets = stream["packets"].as_u64().unwrap() + unseen;
            assert_eq!(quality.packets(), packets, "{file_name}: {name:?}");
            assert_eq!(u64::from(quality.lost()), stream["lost"].as_u64().unwrap(), "{file_name}: {name:?}");
            compared += 1;
        }
        // What is accepted without signalling is a stream, and the longer ones are accepted.
        for name in &accepted {
            assert!(names.contains(name), "{file_name}: {name:?} is no stream");
        }
        for (name, stream) in names.iter().zip(&streams) {
            let is_long = stream["packets"].as_u64().unwrap() >= 15;
            assert!(!is_long || accepted.contains(name), "{file_name}: {name:?} is not accepted");
        }
    }
    assert!(compared >= 8, "{compared} streams");
}

#[test]
fn other_captures_have_no_stream() {
    let Some(folder) = folder() else { return };
    let with_streams =
        ["sip-udp-registrations.pcap", "sip-rtp-t38-fax.pcap", "rtp-streams.pcapng", "stun-ice-call.pcap"];
    let mut datagrams = 0;
    for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if with_streams.contains(&name.as_str()) || !name.contains(".pcap") {
            continue;
        }
        let mut candidates = Candidates::new(1000);
        each_datagram(&std::fs::read(&entry).unwrap(), |payload, endpoints, arrival_ns| {
            datagrams += 1;
            let verdict = candidates.observe(payload, endpoints, arrival_ns);
            assert!(!matches!(verdict, Verdict::Accepted(..)), "{name}: {endpoints:?}");
            rtcp::for_each_packet(payload, &mut |_| ());
        });
    }
    assert!(datagrams > 1000, "{datagrams}");
}
