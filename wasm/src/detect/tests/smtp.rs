use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Carrier, Detector};

/// One packet of a session: those that begin with `<` come from the server.
pub(in super::super) fn packet(port: u16, text: &str) -> Sent {
    match text.strip_prefix('<') {
        Some(reply) => Sent { reverse: true, ..sent(Carrier::Tcp, port, 40001, reply.as_bytes()) },
        None => sent(Carrier::Tcp, 40001, port, text.as_bytes()),
    }
}

/// Name and info of each packet, and all that is said in one text.
pub(in super::super) fn session(
    port: u16,
    packets: &[&str],
) -> (Vec<(Option<&'static str>, String)>, String) {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let mut all = String::new();
    let said = packets
        .iter()
        .map(|text| {
            let (name, details, info) = judge(&mut detector, &mut flow, &packet(port, text));
            all += &format!("{details:?} {info}\n");
            (name, info)
        })
        .collect();
    (said, all)
}

/// A ClientHello that is cut.
pub(in super::super) const CLIENT_HELLO: &[u8] =
    &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];

fn named(port: u16, packets: &[&str]) -> Vec<Option<&'static str>> {
    names(&packets.iter().map(|text| packet(port, text)).collect::<Vec<_>>())
}

#[test]
fn off_port_it_takes_greeting_and_hello() {
    let smtp = Some("SMTP");
    assert_eq!(named(2500, &["<220 mail.example ESMTP\r\n"]), [smtp]);
    assert_eq!(named(2500, &["<220 mail.example\r\n", "EHLO a.example\r\n"]), [None, smtp]);
    assert_eq!(named(2500, &["EHLO a.example\r\n", "<250-mail.example\r\n"]), [None, smtp]);
    assert_eq!(named(2500, &["EHLO a.example\r\n", "<500 what\r\n"]), [None, None]);
    assert_eq!(named(2500, &["<220 mail.example\r\n", "HELP\r\n"]), [None, None]);
    assert_eq!(named(2500, &["<220 mail.ex", "<ample SMTP\r\n"]), [None, smtp]);
    assert_eq!(named(25, &["DATA and more\r\n"]), [None]);
    assert_eq!(named(25, &["this is text\r\n"]), [None]);
}

#[test]
fn credentials_and_messages_stay_out() {
    let (said, all) = session(
        587,
        &[
            "<220 mail.example ESMTP\r\n",
            "EHLO a\r\n",
            "<250-mail.example\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN\r\n",
            "AUTH LOGIN c2VjcmV0\r\n",
            "<334 UGFzc3dvcmQ6\r\n",
            "c2VjcmV0\r\n",
            "<235 2.7.0 ok\r\n",
            "MAIL FROM:<a@b>\r\n",
            "<250 ok\r\n",
            "RCPT TO:<c@d>\r\nDATA\r\n",
            "<250 ok\r\n354 go\r\n",
            "Subject: secret\r\n\r\nMAIL FROM:<secret>\r\n",
            "HELP secret\r\n.\r\n",
            "<250 queued\r\n",
            "QUIT\r\n",
        ],
    );
    assert!(said.iter().all(|(name, _)| *name == Some("SMTP")));
    let infos: Vec<&str> = said.iter().map(|(_, info)| info.as_str()).collect();
    assert_eq!(
        infos,
        [
            "S: 220 mail.example ESMTP",
            "C: EHLO a",
            "S: 250 mail.example",
            "C: AUTH LOGIN ***",
            "S: 334",
            "Authentication data",
            "S: 235 2.7.0 ok",
            "C: MAIL FROM:<a@b>",
            "S: 250 ok",
            "C: RCPT TO:<c@d>",
            "S: 250 ok",
            "Message data",
            "Message data",
            "S: 250 queued",
            "C: QUIT",
        ]
    );
    assert!(!all.contains("secret") && !all.contains("c2Vj") && !all.contains("UGFz"), "{all}");
    assert!(all.contains("starttls_capable"));
}

#[test]
fn arguments_are_clean_text() {
    let (_, all) = session(25, &["<220 a ESMTP\r\n", "EHLO b\r\n", "MAIL FROM:<a\tb@c\u{e4}>\r\n"]);
    assert!(all.contains("FROM:<a b@c\u{e4}>"), "{all}");
}

#[test]
fn the_flow_becomes_tls() {
    for (port, packets, name) in [
        (25, ["<220 a ESMTP\r\n", "EHLO b\r\n", "STARTTLS\r\n", "<220 ready\r\n"], "SMTP"),
        (110, ["<+OK hi\r\n", "CAPA\r\n", "STLS\r\n", "<+OK begin\r\n"], "POP3"),
        (143, ["<* OK IMAP4rev1\r\n", "a CAPABILITY\r\n", "b STARTTLS\r\n", "<b OK begin\r\n"], "IMAP"),
        (21, ["<220 hi\r\n", "FEAT\r\n", "AUTH TLS\r\n", "<234 go\r\n"], "FTP"),
    ] {
        let mut sent: Vec<Sent> = packets.iter().map(|text| packet(port, text)).collect();
        let hello = Sent { payload: CLIENT_HELLO.to_vec(), ..packet(port, "") };
        sent.push(hello.clone());
        sent.push(Sent { payload: vec![23, 3, 3, 0, 4, 1, 2, 3, 4], ..hello });
        let found = names(&sent);
        assert_eq!(found[..4], [Some(name); 4]);
        assert_eq!(found[4..], [Some("TLS"); 2], "{name}");
    }
}
