use super::super::smtp::tests::session;

fn named(port: u16, packets: &[&str]) -> Vec<Option<&'static str>> {
    session(port, packets).0.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn off_port_it_takes_greeting_and_command() {
    let imap = Some("IMAP");
    assert_eq!(named(1143, &["<* OK [CAPABILITY IMAP4rev1] hi\r\n"]), [imap]);
    assert_eq!(named(1143, &["<* OK hi\r\n", "1 LOGIN a b\r\n"]), [None, imap]);
    assert_eq!(named(1143, &["<* OK hi\r\n", "hello there\r\n"]), [None, None]);
    assert_eq!(named(1143, &["1 LOGIN a b\r\n"]), [None]);
    assert_eq!(named(143, &["<* 23 EXISTS\r\n"]), [imap]);
    assert_eq!(named(143, &["a+b NOOP\r\n"]), [None]);
    assert_eq!(named(143, &["a NOOP now\r\n"]), [None]);
    assert_eq!(named(143, &["* one thing\r\n"]), [None]);
}

#[test]
fn credentials_and_literals_stay_out() {
    let (said, all) = session(
        143,
        &[
            "<* OK IMAP4rev1\r\n",
            "a LOGIN {5}\r\n",
            "<+ go\r\n",
            "secret {6}\r\n",
            "<+ go\r\n",
            "secret\r\n",
            "<a OK done\r\n",
            "b AUTHENTICATE PLAIN c2VjcmV0\r\n",
            "<b NO\r\n",
            "c APPEND Drafts {20+}\r\n",
            "b LIST secret text\r\n",
            "<c OK done\r\n",
            "d SEARCH TEXT secret\r\n",
            "<* 1 FETCH (BODY[] {7}\r\nsecret)\r\n",
            "e SELECT INBOX\r\n",
        ],
    );
    assert!(said.iter().all(|(name, _)| *name == Some("IMAP")));
    let infos: Vec<&str> = said.iter().map(|(_, info)| info.as_str()).collect();
    assert_eq!(infos[1], "C: a LOGIN *** ***");
    assert_eq!(infos[3], "C: continuation data");
    assert_eq!(infos[7], "C: b AUTHENTICATE PLAIN");
    assert_eq!(infos[10], "C: continuation data");
    assert_eq!(infos[12..], ["C: d SEARCH", "S: * FETCH", "C: e SELECT INBOX"]);
    assert!(!all.contains("secret") && !all.contains("c2Vj"), "{all}");
}
