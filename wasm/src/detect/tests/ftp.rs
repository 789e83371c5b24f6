use super::super::smtp::tests::{packet, session};
use super::super::tests::{Flow, Sent, judge, sent};
use super::super::{Carrier, Detector};
use super::*;

fn named(port: u16, packets: &[&str]) -> Vec<Option<&'static str>> {
    session(port, packets).0.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn off_port_it_takes_greeting_and_command() {
    let ftp = Some("FTP");
    assert_eq!(named(2121, &["<220 (vsFTPd 3.0)\r\n"]), [ftp]);
    assert_eq!(named(2121, &["<220 hi\r\n", "USER a\r\n"]), [None, ftp]);
    assert_eq!(named(2121, &["<220 hi\r\n", "AUTH TLS\r\n"]), [None, ftp]);
    assert_eq!(named(2121, &["USER a\r\n", "<331 go\r\n"]), [None, ftp]);
    assert_eq!(named(2121, &["USER a\r\n", "<200 go\r\n"]), [None, None]);
    assert_eq!(named(2121, &["<220 hi\r\n", "EHLO a\r\n"]), [None, Some("SMTP")]);
    assert_eq!(named(21, &["PWD /x\r\n"]), [None]);
    assert_eq!(named(21, &["<999 no\r\n"]), [None]);
}

#[test]
fn credentials_stay_out() {
    let (said, all) = session(
        21,
        &[
            "<220 hi\r\n",
            "USER a\r\n",
            "PASS secret\r\n",
            "acct secret\r\n",
            "ADAT secret\r\n",
            "SITE PSWD secret secret\r\n",
            "CWD /pub\r\n",
        ],
    );
    assert_eq!(said[2].1, "Request: PASS ***");
    assert_eq!(said[6].1, "Request: CWD /pub");
    assert!(!all.contains("secret"), "{all}");
}

#[test]
fn announced_data_connections_are_recognised_once() {
    // From 10.0.0.1 (client) to 10.0.0.2 (server), as the flows of these tests are.
    for (packets, port, from_server) in [
        (["PASV\r\n", "<227 Entering Passive Mode (10,0,0,2,195,80).\r\n"], 50000, false),
        (["PASV\r\n", "<227 ok (192,168,1,1,195,80)\r\n"], 50000, false),
        (["EPSV\r\n", "<229 ok (|||50001|)\r\n"], 50001, false),
        (["PORT 10,0,0,1,195,82\r\n", "<200 ok\r\n"], 50002, true),
        (["EPRT |1|10.0.0.1|50003|\r\n", "<200 ok\r\n"], 50003, true),
        (["eprt !1!10.0.0.1!50004!\r\n", "<200 ok\r\n"], 50004, true),
    ] {
        let (mut detector, mut control) = (Detector::new(), Flow::default());
        for text in packets {
            assert_eq!(judge(&mut detector, &mut control, &packet(21, text)).0, Some("FTP"), "{text}");
        }
        let now = control.clock;
        let data = |content: &[u8]| match from_server {
            true => Sent { reverse: true, ..sent(Carrier::Tcp, 20, port, content) },
            false => sent(Carrier::Tcp, 33333, port, content),
        };
        let mut judged = |clock: i64, packet: &Sent| {
            let mut flow = Flow::default();
            flow.clock = clock;
            judge(&mut detector, &mut flow, packet)
        };
        let web = b"HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(judged(now, &data(web)).0, Some("FTP-DATA"), "{packets:?}");
        assert_eq!(judged(now, &data(web)).0, Some("HTTP"), "{packets:?}");
        let (mut detector, mut control) = (Detector::new(), Flow::default());
        packets.iter().for_each(|text| drop(judge(&mut detector, &mut control, &packet(21, text))));
        let mut late = Flow::default();
        late.clock = now + EXPECTED_FOR_NS;
        assert_eq!(judge(&mut detector, &mut late, &data(web)).0, Some("HTTP"));
    }
}

#[test]
fn endpoints_that_are_none() {
    for text in ["1,2,3,4,5", "1,2,3,4,5,256", "a", "", "1,2,3,4,5,"] {
        assert_eq!(six_numbers(text.as_bytes()), None, "{text}");
    }
    for text in ["|1|10.0.0.1|70000|", "|3|x|1|", "|1|::1|5|", "|", ""] {
        assert_eq!(extended(text.as_bytes()), None, "{text}");
    }
    for text in ["(|||70000|)", "(||50|)", "(|||50)", "|||50|", "(|!|50|)"] {
        assert_eq!(extended_passive(text.as_bytes()), None, "{text}");
    }
    assert_eq!(
        extended(b"|2|::1|5|"),
        Some((Address::v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), 5))
    );
}

#[test]
fn the_index_stays_within_its_bound() {
    let mut expected = ExpectedData::default();
    for number in 0..20_000u32 {
        expected.add(Address::v4(number.to_be_bytes()), 1, 0);
    }
    assert_eq!(expected.endpoints.len(), MOST_EXPECTED);
    expected.add(Address::v4([1; 4]), 1, EXPECTED_FOR_NS);
    assert_eq!(expected.endpoints.len(), 1);
}
