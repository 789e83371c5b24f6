use super::super::smtp::tests::session;

fn named(port: u16, packets: &[&str]) -> Vec<Option<&'static str>> {
    session(port, packets).0.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn off_port_it_takes_greeting_and_command() {
    let pop3 = Some("POP3");
    assert_eq!(named(1100, &["<+OK POP3 ready\r\n"]), [pop3]);
    assert_eq!(named(1100, &["<+OK hi <1896.697@a.example>\r\n"]), [pop3]);
    assert_eq!(named(1100, &["<+OK hi\r\n", "USER alice\r\n"]), [None, pop3]);
    assert_eq!(named(1100, &["<+OK\r\n", "GET key\r\n"]), [None, None]);
    assert_eq!(named(1100, &["USER alice\r\n"]), [None]);
    assert_eq!(named(110, &["+OKAY\r\n"]), [None]);
    assert_eq!(named(110, &["RETR one\r\n"]), [None]);
}

#[test]
fn credentials_stay_out() {
    let (said, all) = session(
        110,
        &[
            "<+OK hi\r\n",
            "USER alice\r\n",
            "<+OK\r\n",
            "PASS secret\r\n",
            "<-ERR no\r\n",
            "AUTH PLAIN AHNlY3JldA==\r\n",
            "<+ \r\n",
            "AHNlY3JldA==\r\n",
            "<+OK\r\n",
            "APOP alice secret\r\n",
            "<+OK\r\n",
            "RETR 1\r\n",
            "<+OK 20 octets\r\nsecret body\r\n",
            "<more secret body\r\n",
        ],
    );
    let infos: Vec<&str> = said.iter().map(|(_, info)| info.as_str()).collect();
    assert_eq!(infos[1], "C: USER alice");
    assert_eq!(infos[3], "C: PASS ***");
    assert_eq!(infos[5], "C: AUTH PLAIN");
    assert_eq!(infos[7], "Authentication data");
    assert_eq!(infos[9], "C: APOP ***");
    assert_eq!(infos[12..], ["S: +OK 20 octets", "Continuation"]);
    assert!(!all.contains("secret") && !all.contains("AHNl"), "{all}");
}
