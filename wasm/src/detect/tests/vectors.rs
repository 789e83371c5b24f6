//! `vectors.json`: packets that must be recognised, and near misses that must not.

use super::*;

pub(in super::super) struct Vector {
    pub(in super::super) id: String,
    pub(in super::super) payload: Vec<u8>,
    pub(in super::super) sent: Sent,
    expected: Option<String>,
    group: Option<String>,
    setup: Option<String>,
}

pub(in super::super) fn all() -> Vec<Vector> {
    let file: serde_json::Value = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let rows = file.as_array().or_else(|| file["vectors"].as_array()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    rows.iter()
        .map(|row| {
            let hex = row["payload"].as_str().unwrap();
            let payload: Vec<u8> = (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
                .collect();
            let carrier = match row["transport"].as_str().unwrap() {
                "UDP" => Carrier::Udp,
                "TCP" => Carrier::Tcp,
                "SCTP" => Carrier::Sctp,
                "ICMP" => Carrier::Ip(1),
                "ARP" => Carrier::Ethertype(0x0806),
                other => panic!("{other}"),
            };
            let port = |key: &str| row[key].as_u64().unwrap_or(0) as u16;
            Vector {
                id: text(&row["id"]).unwrap(),
                sent: Sent {
                    carrier,
                    source_port: port("source_port"),
                    destination_port: port("destination_port"),
                    reverse: row["reverse"].as_bool().unwrap_or(false),
                    payload: payload.clone(),
                },
                payload,
                expected: text(&row["expected"]),
                group: text(&row["group"]),
                setup: text(&row["setup"]),
            }
        })
        .collect()
}

/// Packets that make true what the remark of a row says has happened before: those of other flows, then those of
/// the row's own.
fn prepare(vector: &Vector) -> (Vec<Sent>, Vec<Sent>) {
    let Sent { source_port, destination_port, .. } = vector.sent;
    match vector.setup.as_deref() {
        None => (Vec::new(), Vec::new()),
        Some("sdp-endpoint") => {
            let offer = format!(
                "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
                 Call-ID: setup\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n\
                 v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio {destination_port} RTP/AVP 0\r\n"
            );
            (vec![sent(Carrier::Udp, 5060, 5060, offer.as_bytes())], Vec::new())
        }
        Some("confirmed") => {
            let sequence = u16::from_be_bytes([vector.payload[2], vector.payload[3]]);
            let earlier = |back: u16| {
                let mut payload = vector.payload.clone();
                payload[2..4].copy_from_slice(&sequence.wrapping_sub(back).to_be_bytes());
                Sent { payload, ..vector.sent.clone() }
            };
            (Vec::new(), vec![earlier(3), earlier(2), earlier(1)])
        }
        Some("turn-allocation") => {
            let mut request = vec![0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
            request.extend_from_slice(&[7; 12]);
            let mut success = request.clone();
            success[0] = 1;
            let answer =
                Sent { reverse: true, ..sent(Carrier::Udp, destination_port, source_port, &success) };
            (Vec::new(), vec![sent(Carrier::Udp, source_port, destination_port, &request), answer])
        }
        Some(other) => panic!("{}: no such set-up: {other}", vector.id),
    }
}

#[test]
fn every_vector_gets_its_name() {
    let (mut detector, mut flow, mut group) = (Detector::new(), Flow::default(), None);
    let mut wrong = Vec::new();
    for vector in all() {
        if vector.group.is_none() || vector.group != group {
            (detector, flow) = (Detector::new(), Flow::default());
        }
        group = vector.group.clone();
        let (elsewhere, before) = prepare(&vector);
        for packet in elsewhere {
            // Media endpoints live by packet time, so the clocks of the flows go together.
            let mut other = Flow { clock: flow.clock, ..Flow::default() };
            judge(&mut detector, &mut other, &packet);
        }
        for packet in before {
            judge(&mut detector, &mut flow, &packet);
        }
        // A media flow has other ports than its signalling: the row's five-tuple decides.
        let mut lone = Flow { clock: flow.clock, ..Flow::default() };
        let changes = vector.id == "R15.2";
        let (name, ..) = judge(&mut detector, if changes { &mut lone } else { &mut flow }, &vector.sent);
        if name != vector.expected.as_deref() {
            wrong.push(format!("{}: {:?}, not {:?}", vector.id, name, vector.expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
