use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Carrier, Detector};
use super::mask_target;

fn to_server(payload: &str) -> Sent {
    sent(Carrier::Tcp, 40001, 9001, payload.as_bytes())
}

fn to_client(payload: &str) -> Sent {
    Sent { reverse: true, ..sent(Carrier::Tcp, 9001, 40001, payload.as_bytes()) }
}

fn value<'a>(details: &'a [(&'static str, String)], key: &str) -> Option<&'a str> {
    details.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
}

#[test]
fn start_lines() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(7000));
    let too_long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
    for (payload, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some("HTTP")),
        ("GET / HTTP/1.0\n\n", Some("HTTP")),
        ("VERSION-CONTROL /x HTTP/1.1\r\n\r\n", Some("HTTP")),
        ("CCM_POST /ccm_system/request HTTP/1.1\r\nHost: a\r\n\r\n", Some("HTTP")),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", Some("HTTP")),
        ("HTTP/1.1 200 OK\r\n\r\n", Some("HTTP")),
        ("HTTP/1.1 200\r\n\r\n", Some("HTTP")),
        (&long, Some("HTTP")),
        (&too_long, None),
        ("HTTP/1.1 2000 OK\r\n\r\n", None),
        ("HTTP/1.1 099 OK\r\n\r\n", None),
        ("GET / HTTP/2.0\r\n\r\n", None),
        ("GET / SIP/2.0\r\n\r\n", None),
        ("GET HTTP/1.1\r\n\r\n", None),
        ("get / HTTP/1.1\r\n\r\n", None),
        ("G\x01T / HTTP/1.1\r\n\r\n", None),
        ("GET /\x01 HTTP/1.1\r\n\r\n", None),
    ] {
        assert_eq!(names(&[to_server(payload)]), [expected], "{:.40}", payload);
    }
    // Text on UDP is not HTTP.
    assert_eq!(names(&[sent(Carrier::Udp, 1, 80, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")]), [None]);
}

#[test]
fn a_request_says_the_same_however_it_is_cut() {
    let request = "POST /form?a=b HTTP/1.1\r\nHOST:  a.example \r\ncookie: s=1\r\nAuthorization: Basic eDp5\r\n\
                   user-agent: t\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc";
    for cut in [0, 4, 10, 20, 30, 40] {
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        if cut > 0 {
            let (name, ..) = judge(&mut detector, &mut flow, &to_server(&request[..cut]));
            assert_eq!(name, None, "{cut}");
        }
        let (name, details, info) = judge(&mut detector, &mut flow, &to_server(&request[cut..]));
        assert_eq!(name, Some("HTTP"), "{cut}");
        assert_eq!(info, "POST /form?a=b HTTP/1.1");
        let expected = [
            ("type", "request"),
            ("method", "POST"),
            ("path", "/form?a=b"),
            ("version", "HTTP/1.1"),
            ("host", "a.example"),
            ("user_agent", "t"),
            ("content_type", "text/plain"),
            ("content_length", "3"),
        ];
        assert_eq!(details.iter().map(|(key, text)| (*key, text.as_str())).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_response_and_what_follows() {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    judge(&mut detector, &mut flow, &to_server("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    let response = "HTTP/1.1 404 Not Found\r\nServer: x\r\nSet-Cookie: s=1\r\nContent-Type: text/html; a=b\r\n\r\n<html>";
    let (_, details, info) = judge(&mut detector, &mut flow, &to_client(response));
    assert_eq!(info, "HTTP/1.1 404 Not Found (text/html)");
    assert_eq!(value(&details, "status_code"), Some("404"));
    assert_eq!(value(&details, "reason"), Some("Not Found"));
    assert_eq!(value(&details, "server"), Some("x"));
    assert!(!details.iter().any(|(_, text)| text.contains("s=1")));
    let (name, details, info) = judge(&mut detector, &mut flow, &to_client("</html> and more of the body"));
    assert_eq!((name, details.len(), info.as_str()), (Some("HTTP"), 0, "Continuation"));
}

#[test]
fn secrets_in_targets_are_masked() {
    for (target, shown) in [
        ("/a?b=c&d", "/a?b=c&d"),
        ("/a?access_token=xyz&b=1&PassWord=q", "/a?access_token=***&b=1&PassWord=***"),
        ("http://u:p@h/x@y?z", "http://***@h/x@y?z"),
        ("http://h/x@y", "http://h/x@y"),
        ("*", "*"),
        ("/a?token=", "/a?token="),
        ("bob:pw@h:443", "***@h:443"),
        ("h:443", "h:443"),
        ("//bob:pw@h/x", "//***@h/x"),
        ("http://bob:p?w#;@h/x", "http://***@h/x"),
        ("/a;jsessionid=77;b=1?c=2", "/a;jsessionid=***;b=1?c=2"),
        ("/a#access_token=77&b=1", "/a#access_token=***&b=1"),
        ("/a?b=1;pwd=77", "/a?b=1;pwd=***"),
        ("/auth/b=1", "/auth/b=1"),
        ("/fetch/http://bob:pw@h/x", "/fetch/http://***@h/x"),
        ("/a?b=http://bob:pw@h/x&c=d@e", "/a?b=http://***@h/x&c=d@e"),
        ("/a?http://bob:pw@h/x=1", "/a?http://***@h/x=1"),
    ] {
        let mut buffer = [0; 256];
        assert_eq!(str::from_utf8(mask_target(target.as_bytes(), &mut buffer)).unwrap(), shown);
    }
    assert_eq!(mask_target(&[b'a'; 1000], &mut [0; 256]).len(), 256);
}

#[test]
fn user_information_is_not_shown() {
    for request in [
        "GET / HTTP/1.1\r\nHost: bob:hunter2@h\r\n\r\n",
        "CONNECT bob:hunter2@h:443 HTTP/1.1\r\nHost: bob:hunter2@h:443\r\n\r\n",
        &UPGRADE.replace("Host: a", "Host: bob:hunter2@a\r\nOrigin: http://bob:hunter2@a"),
    ] {
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &to_server(request));
        assert!(name.is_some() && !format!("{details:?}{info}").contains("hunter2"), "{details:?} {info}");
        assert!(value(&details, "host").is_some_and(|host| host.starts_with("***@")));
    }
    let found = b"HTTP/1.1 200 OK\r\nST: x\r\nLocation: http://bob:hunter2@h/d.xml\r\n\r\n";
    let (_, details, _) =
        judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Udp, 1900, 50000, found));
    assert_eq!(value(&details, "location"), Some("http://***@h/d.xml"));
}

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const GRANTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Accept: x\r\n\r\n";

#[test]
fn flows_become_web_sockets_and_http_again() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = "HTTP/1.1 403 Forbidden\r\n\r\n";
    let (http, socket) = (Some("HTTP"), Some("WebSocket"));
    assert_eq!(names(&[to_server(UPGRADE), to_client(GRANTED), to_client("\u{1}\u{2}hi")]), [socket; 3]);
    // On a connection that has carried requests before.
    assert_eq!(names(&[to_server(get), to_server(UPGRADE), to_client(GRANTED)]), [http, socket, socket]);
    // The head of the request is cut: the response tells.
    let (head, tail) = UPGRADE.split_at(60);
    assert_eq!(names(&[to_server(head), to_server(tail), to_client(GRANTED)]), [http, http, socket]);
    assert_eq!(names(&[to_server(UPGRADE), to_client(refused), to_server(get)]), [socket, http, http]);
}

#[test]
fn frames_of_web_sockets_are_named_not_shown() {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let (_, details, _) = judge(&mut detector, &mut flow, &to_server(UPGRADE));
    assert_eq!(value(&details, "sec_key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    judge(&mut detector, &mut flow, &to_client(GRANTED));
    let frame = Sent { payload: b"\x81\xfe\x01\x00abcdsecret".to_vec(), ..to_server("") };
    let (_, details, info) = judge(&mut detector, &mut flow, &frame);
    assert_eq!(info, "WebSocket Text [FIN] [MASKED]");
    assert_eq!(value(&details, "payload_length"), Some("256"));
    assert!(!details.iter().any(|(_, text)| text.contains("secret")));
}

#[test]
fn connect_and_upgrades_open_the_flow_to_others() {
    let connect = to_server("CONNECT a:22 HTTP/1.1\r\nHost: a\r\n\r\n");
    let granted = to_client("HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(
        names(&[connect.clone(), granted.clone(), to_server("SSH-2.0-OpenSSH_9.6\r\n")]),
        [Some("HTTP"), Some("HTTP"), Some("SSH")]
    );
    let preface = to_server("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0");
    assert_eq!(names(&[connect, granted, preface])[2], Some("HTTP2"));
}

#[test]
fn ssdp_messages() {
    let search = b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n";
    let (name, details, info) =
        judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Udp, 50000, 1900, search));
    assert_eq!((name, info.as_str()), (Some("SSDP"), "M-SEARCH * HTTP/1.1 ssdp:all"));
    assert_eq!(value(&details, "st"), Some("ssdp:all"));
    for other in
        [&b"NOTIFY /x HTTP/1.1\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", b"NOTIFY * HTTP/1.1"]
    {
        assert_eq!(names(&[sent(Carrier::Udp, 50000, 1900, other)]), [None]);
    }
}
