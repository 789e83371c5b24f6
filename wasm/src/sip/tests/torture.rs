//! The torture tests of RFC 4475, each of them rewritten: the same damage in messages of our own.

use super::super::fault::Fault;
use super::super::header::{Header, unfolded};
use super::super::message::Message;
use super::super::start_line::Refusal;
use super::{faults, message, shown};

/// The mandatory fields of a request with this start line, and further lines.
fn request(start_line: &str, call_id: &str, further: &str) -> String {
    let method = start_line.split(' ').next().unwrap_or_default();
    format!(
        "{start_line}\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{call_id}\nMax-Forwards: 70\n\
         From: <sip:caller@example.net>;tag=1\nTo: <sip:user@example.com>\nCall-ID: {call_id}\nCSeq: 8 {method}\n{further}"
    )
    .trim_end()
    .to_owned()
}

fn texts<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    values.map(|value| shown(&unfolded(value).collect::<Vec<_>>().concat())).collect()
}

/// What is told of a message that is taken.
fn told(bytes: &[u8]) -> Vec<Fault> {
    faults(&Message::parse(bytes).unwrap())
}

/// 3.1.1.1: names in any case, compact ones, folds and white space wherever they may be, numbers with zeros before them,
/// an empty Subject, fields nobody knows.
#[test]
fn short_tortuous_invite() {
    let head = "INVITE sip:vivek@example.com;unknownparam SIP/2.0
TO :
 sip:vivek@example.com ;   tag    = 1918
from   : \"J Rose \\\\\\\"\"       <sip:jd@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.nda@192.0.2.1
Content-Length   : 7
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewField:   new value
 goes on
UnknownFieldOfSeparators: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:\"Quoted \\\"\\\"\" <sip:jd@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33";
    let bytes = message(head, "v=0\r\ns=");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(faults(&message), []);
    assert_eq!(message.request_uri(), b"sip:vivek@example.com;unknownparam");
    assert_eq!((message.to().uri, message.to().tag), (&b"sip:vivek@example.com"[..], &b"1918"[..]));
    let from = message.from();
    assert_eq!((from.display, from.uri), (&br#"J Rose \\\""#[..], &b"sip:jd@example.com"[..]));
    assert_eq!(from.tag, b"98asjd8");
    assert_eq!(message.cseq(), Some((9, &b"INVITE"[..])));
    assert_eq!(message.top_via_branch(), b"390skdjuw");
    assert_eq!(
        texts(message.values(Header::Via)),
        [
            "SIP  /   2.0 /UDP 192.0.2.2;branch=390skdjuw",
            "SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8",
            "SIP  /    2.0   / UDP  192.168.255.111   ; branch= z9hG4bK30239",
        ]
    );
    assert_eq!(message.first(Header::Subject), Some(&b""[..]));
    assert_eq!(message.first(Header::MaxForwards), Some(&b"0068"[..]));
    assert_eq!(message.contact().unwrap().uri, b"sip:jd@example.com");
    assert_eq!((message.body(), message.is_cut()), (&b"v=0\r\ns="[..], false));
    let others: Vec<String> = message
        .fields()
        .filter(|(name, _)| Header::of(name).is_none())
        .map(|(name, value)| format!("{}: {}", shown(name), texts(std::iter::once(value)).concat()))
        .collect();
    assert_eq!(others, ["NewField: new value goes on", "UnknownFieldOfSeparators: ;;,,;;,;"]);
}

/// 3.1.1.2: all characters that a method, a URI, a display name and a Call-ID may have.
#[test]
fn wide_range_of_valid_characters() {
    let head = "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0
Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: \"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>
From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\u{440}\u{430}\u{431}\";tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{
CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~
Max-Forwards: 255
extensionHeader-!.%*+_`'~:\u{feff}\u{5927}\u{505c}\u{96fb}
Content-Length: 0";
    let bytes = message(head, "");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(faults(&message), []);
    assert_eq!(message.method(), b"!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(message.transaction_method(), message.method());
    assert!(message.request_uri().ends_with(b"(doesn't-it)@example.com"));
    assert_eq!(message.call_id(), br#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#);
    assert_eq!(message.cseq(), Some((139_122_385, message.method())));
    assert_eq!(message.to().display, b"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f");
    assert_eq!(message.from().display, b"token1~` token2'+_ token3*%!.-");
    assert_eq!(message.from().tag, b"_token~1'+`*%!-.");
    assert_eq!(message.top_via_branch(), b"z9hG4bK-.!%66*_+`'~");
}

/// 3.1.1.3 to 3.1.1.5: escapes in URIs, a null octet among them, and a percent sign that is none in names.
#[test]
fn escapes() {
    let user = |uri: &[u8]| {
        let mut out = Vec::new();
        super::super::address::Uri::parse(uri).unwrap().write_user(&mut out);
        shown(&out)
    };
    let head = request("INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0", "esc01", "")
        .replace("<sip:user@example.com>", "<sip:%75se%72@example.com>");
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!((faults(&parsed), user(parsed.request_uri())), (vec![], "sips:user@example.com".to_owned()));
    assert_eq!(
        (user(parsed.to().uri), parsed.to().uri),
        ("user".to_owned(), &b"sip:%75se%72@example.com"[..])
    );

    let head = request(
        "REGISTER sip:example.com SIP/2.0",
        "escnull",
        "Contact: <sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>",
    );
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    let users: Vec<_> = parsed
        .values(Header::Contact)
        .map(|value| user(super::super::address::name_address(value).0))
        .collect();
    assert_eq!((faults(&parsed), users), (vec![], vec!["\\x00".to_owned(), "\\x00\\x00".to_owned()]));

    let head = request(
        "RE%47IST%45R sip:registrar.example.com SIP/2.0",
        "esc02",
        "Contact: <sip:alias1@host1.example.com>\nC%6Fntact: <sip:alias2@host2.example.com>",
    )
    .replace("From: ", "From: \"%Z%45\" ");
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!((faults(&parsed), parsed.method()), (vec![], &b"RE%47IST%45R"[..]));
    assert_eq!((parsed.from().display, parsed.values(Header::Contact).count()), (&b"%Z%45"[..], 1));
}

/// 3.1.1.6: a display name right before the bracket.
#[test]
fn no_white_space_before_a_bracket() {
    let head =
        request("OPTIONS sip:user@example.com SIP/2.0", "lwsdisp", "").replace("From: ", "From: caller");
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    let from = parsed.from();
    assert_eq!(
        (faults(&parsed), from.display, from.uri),
        (vec![], &b"caller"[..], &b"sip:caller@example.net"[..])
    );
}

/// 3.1.1.7: long values everywhere, and many Via fields in both forms.
#[test]
fn long_values() {
    let long = |text: &str| text.repeat(60);
    let name = long("i have a user name of extreme proportion ");
    let mut head = request(
        "INVITE sip:user@example.com SIP/2.0",
        &format!("longreq.one{}longcallid", long("really")),
        &format!("Contact: <sip:amazinglylongcallername{}@host5.example.net>", long("x")),
    );
    head = head
        .replace("From: ", &format!("F: \"{name}\" "))
        .replace("tag=1", &format!("tag=12{}424", long("982")));
    for number in 0..33 {
        head += &format!(
            "\n{}: SIP/2.0/TCP sip{number}.example.com;branch=z9hG4bK{}",
            ["v", "Via"][number % 2],
            long("1")
        );
    }
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!((faults(&parsed), parsed.values(Header::Via).count()), (vec![], 34));
    assert_eq!(
        parsed.values(Header::Via).last().unwrap().len(),
        "SIP/2.0/TCP sip32.example.com;branch=z9hG4bK".len() + 60
    );
    assert_eq!((parsed.from().display, parsed.from().tag.len()), (name.as_bytes(), 185));
    assert_eq!(parsed.call_id().len(), "longreq.onelongcallid".len() + 360);
}

/// 3.1.1.8: what follows the body in a datagram is no part of the message.
#[test]
fn trailing_octets() {
    let head = request("REGISTER sip:example.com SIP/2.0", "dblreq", "Content-Length: 0");
    let bytes = message(
        &head,
        "INVITE sip:joe@example.com SIP/2.0\r\nt: sip:joe@example.com\r\nContent-Length: 9\r\n\r\nv=0",
    );
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!((faults(&parsed), parsed.method(), parsed.body()), (vec![], &b"REGISTER"[..], &b""[..]));
    assert_eq!(parsed.bytes(), message(&head, ""));
    assert_eq!(parsed.lines(Header::To).count(), 1);
}

/// 3.1.1.9: parameters in the user part of a URI.
#[test]
fn semicolons_in_a_user() {
    let uri = "sip:user;par=u%40example.net@example.com";
    let head = request(&format!("OPTIONS {uri} SIP/2.0"), "semiuri", "").replace("sip:user@example.com", uri);
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!(
        (faults(&parsed), parsed.request_uri(), parsed.to().uri),
        (vec![], uri.as_bytes(), uri.as_bytes())
    );
}

/// 3.1.1.10: transports nobody knows.
#[test]
fn transports() {
    let head = request(
        "OPTIONS sip:user@example.com SIP/2.0",
        "transports",
        "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bK2, SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK4",
    );
    let bytes = message(&head, "");
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!(
        (faults(&parsed), parsed.values(Header::Via).nth(2)),
        (vec![], Some(&b"SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK4"[..]))
    );
}

/// 3.1.1.11: parts with octets of any kind.
#[test]
fn multipart() {
    let mut body = b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n\
        --7a9cbec02ceef655\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--7a9cbec02ceef655\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
        .to_vec();
    body.extend((0..=u8::MAX).chain(*b"\r\n--7a9cbec02ceef655--"));
    let further =
        format!("Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\nContent-Length: {}", body.len());
    let mut bytes = message(&request("MESSAGE sip:kumiko@example.org SIP/2.0", "mpart01", &further), "");
    bytes.extend_from_slice(&body);
    let parsed = Message::parse(&bytes).unwrap();
    let mut descriptions = Vec::new();
    parsed.session_descriptions(&mut |description| descriptions.push(description));
    assert_eq!((faults(&parsed), parsed.body(), descriptions), (vec![], &body[..], vec![&b"v=0\r\n"[..]]));
}

fn response(status_line: &str, further: &str) -> Vec<u8> {
    let head = format!(
        "{status_line}\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nFrom: <sip:user@example.com>;tag=1\n\
         To: <sip:user@example.edu>;tag=2\nCall-ID: reason@192.0.2.1\nCSeq: 35 INVITE\n{further}"
    );
    message(head.trim_end(), "")
}

/// 3.1.1.12 and 3.1.1.13: a reason in UTF-8 with unreserved characters, and none.
#[test]
fn reasons() {
    for (line, reason) in [
        ("SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e}", "= 2**3 * 5**2 \u{43d}\u{43e}"),
        ("SIP/2.0 100 ", ""),
        ("SIP/2.0 100", ""),
    ] {
        let bytes = response(line, "");
        let parsed = Message::parse(&bytes).unwrap();
        assert_eq!((faults(&parsed), parsed.reason()), (vec![], reason.as_bytes()));
        assert_eq!((parsed.transaction_method(), parsed.method()), (&b"INVITE"[..], &b""[..]));
    }
}

/// 3.1.2 and 3.2: messages that are to be rejected, or taken with a fault, and what is told of them.
#[test]
fn invalid_requests() {
    const OPTIONS: &str = "OPTIONS sip:user@example.com SIP/2.0";
    let changed = |from: &str, to: &str| request(OPTIONS, "bad", "").replace(from, to);
    let with = |further: &str| request(OPTIONS, "bad", further);
    let start = |line: &str| request(line, "bad", "");
    for (section, head, expected) in [
        ("3.1.2.1 badinv01", with("Contact: \"Joe\" <sip:joe@example.org>;;;;"), vec![Fault::Separators]),
        (
            "3.1.2.1 badinv01",
            changed("To: <sip:user@example.com>", "To: sip:j@example.com;;,;,"),
            vec![Fault::Separators],
        ),
        ("3.1.2.1 badinv01", changed("192.0.2.1;", "192.0.2.15;;,;,,;"), vec![Fault::Separators]),
        ("3.1.2.2 clerr", with("Content-Length: 9999"), vec![Fault::Cut]),
        ("3.1.2.3 ncl", with("Content-Length: -999"), vec![Fault::ContentLength]),
        ("3.1.2.4 scalar02", changed("CSeq: 8", "CSeq: 36893488147419103232"), vec![Fault::CSeq]),
        ("3.1.2.4 scalar02", changed("Max-Forwards: 70", "Max-Forwards: 300"), vec![Fault::Number]),
        ("3.1.2.4 scalar02", with("Expires: 10000000000000000000000000"), vec![Fault::Number]),
        ("3.1.2.6 quotbal", changed("To: ", "To: \"Mr. J. User "), vec![Fault::Quote]),
        ("3.1.2.7 ltgtruri", start("INVITE <sip:user@example.com> SIP/2.0"), vec![Fault::RequestUri]),
        ("3.1.2.8 lwsruri", start("INVITE sip:user@example.com; lr SIP/2.0"), vec![Fault::RequestUri]),
        ("3.1.2.9 lwsstart", start("INVITE  sip:user@example.com  SIP/2.0"), vec![Fault::StartLine]),
        ("3.1.2.10 trws", start("OPTIONS sip:remote@example.com SIP/2.0  "), vec![Fault::StartLine]),
        (
            "3.1.2.11 escruri",
            start("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0"),
            vec![Fault::RequestUri],
        ),
        ("3.1.2.12 baddate", with("Date: Fri, 01 Jan 2010 16:00:00 EST"), vec![Fault::Date]),
        (
            "3.1.2.13 regbadct",
            with("Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
            vec![Fault::Address],
        ),
        (
            "3.1.2.14 badaspec",
            changed("To: <sip:user@example.com>", "To: \"Watson, Thomas\" < sip:t.watson@example.org >"),
            vec![Fault::Address],
        ),
        ("3.1.2.15 baddn", changed("From: ", "From: Bell, Alexander "), vec![Fault::Address]),
        ("3.1.2.17 mismatch01", changed("CSeq: 8 OPTIONS", "CSeq: 8 INVITE"), vec![Fault::CSeqMethod]),
        (
            "3.1.2.18 mismatch02",
            start("NEWMETHOD sip:user@example.com SIP/2.0").replace("8 NEWMETHOD", "8 INVITE"),
            vec![Fault::CSeqMethod],
        ),
        ("3.2.1 badbranch", changed("z9hG4bKbad", "z9hG4bK"), vec![Fault::Branch]),
        (
            "3.3.8 multi01",
            with("CSeq: 8 INVITE\nCall-ID: other\nMax-Forwards: 5\nTo: <sip:other@example.com>"),
            vec![Fault::Repeated],
        ),
        ("3.3.9 mcl01", with("Content-Length: 0\nl: 5"), vec![Fault::Repeated]),
    ] {
        let bytes = message(&head, "");
        let parsed = Message::parse(&bytes).unwrap();
        assert_eq!(faults(&parsed), expected, "{section}: {head}");
        assert_eq!(parsed.call_id(), b"bad", "{section}");
    }
}

#[test]
fn what_damaged_messages_say() {
    let head = request("INVITE sip:user@example.com; lr SIP/2.0", "x", "Content-Length: -999")
        .replace("To: <sip:user@example.com>", "To: \"Mr. J. User <sip:j.user@example.com>")
        .replace("From: ", "From: Bell, Alexander ");
    let bytes = message(&head, "v=0");
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!((parsed.method(), parsed.request_uri()), (&b"INVITE"[..], &b"sip:user@example.com; lr"[..]));
    assert_eq!(
        (parsed.to().uri, parsed.from().uri),
        (&b"sip:j.user@example.com"[..], &b"sip:caller@example.net"[..])
    );
    assert_eq!(parsed.from().display, b"Bell, Alexander");
    assert_eq!(parsed.body(), b"v=0");
    let bytes = message(
        &request("OPTIONS sip:a SIP/2.0", "x", "").replace("CSeq: 8 ", "CSeq: 36893488147419103232 "),
        "",
    );
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!((parsed.cseq(), parsed.cseq_method()), (None, &b"OPTIONS"[..]));
    let bytes = message(
        &request("OPTIONS sip:a SIP/2.0", "first", "CSeq: 9 INVITE\nCall-ID: other\nl: 2\nContent-Length: 0"),
        "abc",
    );
    let parsed = Message::parse(&bytes).unwrap();
    assert_eq!(
        (parsed.call_id(), parsed.cseq(), parsed.body()),
        (&b"first"[..], Some((8, &b"OPTIONS"[..])), &b"ab"[..])
    );
}

/// 3.1.2.5, 3.1.2.16, 3.1.2.19 and 3.3.1: overlarge values in a response, another version, a status code of many digits,
/// and no Call-ID.
#[test]
fn responses_and_refusals() {
    let large = response(
        "SIP/2.0 503 Service Unavailable",
        "Warning: 1812 overture \"In Progress\"\nRetry-After: 949302838503028349304023988",
    );
    assert_eq!(told(&large), [Fault::Number]);
    let bad_cseq =
        String::from_utf8(response("SIP/2.0 503 x", "")).unwrap().replace("35 ", "9292394834772304023312 ");
    assert_eq!(told(bad_cseq.as_bytes()), [Fault::CSeq]);

    let refused = |bytes: &[u8]| Message::parse(bytes).err();
    let version = message(&request("OPTIONS sip:t.watson@example.org SIP/7.0", "x", ""), "");
    assert_eq!(refused(&version), Some(Refusal::Version));
    assert_eq!(refused(&response("SIP/2.0 4294967301 better not break", "")), Some(Refusal::StatusCode));
    let insufficient = message(
        "INVITE sip:user@example.com SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\nl: 0",
        "",
    );
    assert_eq!(refused(&insufficient), Some(Refusal::NoCallId));
    // With one it belongs to a call.
    let lacking = message("INVITE sip:user@example.com SIP/2.0\ni: x\nl: 0", "");
    assert_eq!(told(&lacking), [Fault::Missing]);
}

/// 3.3 and 3.4: valid messages that only an element that takes part could refuse, and one of RFC 2543.
#[test]
fn valid_for_who_observes() {
    const REGISTER: &str = "REGISTER sip:example.com SIP/2.0";
    let start = |line: &str| request(line, "x", "");
    for (section, head) in [
        ("3.3.2 unkscm", start("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0")),
        ("3.3.3 novelsc", start("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0")),
        ("3.3.4 unksm2", request(REGISTER, "x", "Contact: <name:John_Smith>").replace("<sip:user@example.com>", "isbn:2983792873")),
        ("3.3.5 bext01", request("OPTIONS sip:user@example.com SIP/2.0", "x", "Proxy-Require: notSupported\nRequire: neither, nor")),
        ("3.3.6 invut", request("INVITE sip:user@example.com SIP/2.0", "x", "Content-Type: application/unknownformat")),
        ("3.3.7 regaut01", request(REGISTER, "x", "Authorization: NoOneKnowsThisScheme opaque-data=here")),
        ("3.3.11 zeromf", start("OPTIONS sip:user@example.com SIP/2.0").replace("Max-Forwards: 70", "Max-Forwards: 0")),
        ("3.3.12 cparam01", request(REGISTER, "x", "Contact: sip:+19725552222@gw1.example.net;unknownparam")),
        ("3.3.13 cparam02", request(REGISTER, "x", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>")),
        ("3.3.14 regescrt", request(REGISTER, "x", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>")),
        ("3.3.15 sdp01", request("INVITE sip:user@example.com SIP/2.0", "x", "Accept: text/nobodyKnowsThis")),
        ("3.4.1 inv2543", "INVITE sip:UserB@example.com SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com\nFrom: <sip:+13035551111@ift.client.example.net;user=phone>\nTo: sip:+16505552222@ss1.example.net;user=phone\nCall-ID: inv2543.1717@ift.client.example.com\nCSeq: 56 INVITE".to_owned()),
    ] {
        let bytes = message(&head, "");
        assert_eq!(told(&bytes), [], "{section}");
        assert_eq!(shown(Message::parse(&bytes).unwrap().head()), shown(&bytes), "{section}");
    }
    let broadcast = response("SIP/2.0 200 OK", "v: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23");
    assert_eq!(told(&broadcast), [], "3.3.10 bcast");
    let old = message(
        "INVITE sip:a SIP/2.0\nVia: SIP/2.0/UDP gw.example.com\nf: sip:a@b\nt: sip:c@d;user=phone\ni: x\nCSeq: 1 INVITE",
        "v=0\r\n",
    );
    let parsed = Message::parse(&old).unwrap();
    assert_eq!(
        (parsed.top_via_branch(), parsed.body(), parsed.to().uri),
        (&b""[..], &b"v=0\r\n"[..], &b"sip:c@d"[..])
    );
}
