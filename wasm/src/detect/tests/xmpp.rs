use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Carrier, Detector};

const HEADER: &str = "<?xml version='1.0'?><stream:stream to='example.net' xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

fn to_server(payload: &[u8]) -> Sent {
    sent(Carrier::Tcp, 40001, 15222, payload)
}

#[test]
fn streams() {
    let (first, second) = HEADER.as_bytes().split_at(30);
    assert_eq!(names(&[to_server(first), to_server(second)]), [None, Some("XMPP")]);
    assert_eq!(names(&[to_server(b"<html><body>")]), [None]);
    assert_eq!(names(&[to_server(b"<?xml version='1.0'?><soap:Envelope>\r\n")]), [None]);
    assert_eq!(names(&[to_server(b"<iq type='get'/>")]), [None]);
    assert_eq!(names(&[sent(Carrier::Tcp, 40001, 5222, b"<iq type='get'/>")]), [Some("XMPP")]);
}

#[test]
fn what_is_shown() {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    judge(&mut detector, &mut flow, &to_server(HEADER.as_bytes()));
    for (payload, expected) in [
        ("<auth mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>", "auth"),
        ("<iq id='1' type='set' to='a@b'><q/></iq>", "iq set"),
        ("<message to='a@b'><body>hello</body></message>", "message"),
        ("text of a message", "Continuation"),
    ] {
        let (_, details, info) = judge(&mut detector, &mut flow, &to_server(payload.as_bytes()));
        assert_eq!(info, expected);
        assert!(!details.iter().any(|(_, text)| text.contains("AGFs") || text.contains("hello")));
    }
}
