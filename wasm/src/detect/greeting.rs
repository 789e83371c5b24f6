//! What servers say first, whatever they are asked in: a first reply that begins so is of the server's protocol, though
//! the client speaks another one.

use super::candidates::Candidates;
use super::registry::{SIGNATURES, label_of};
use super::{Label, Payload, Signature, ftp, http, imap, pop3, rtsp, smtp, ssh, vnc, websocket, xmpp};

/// How greetings begin, and who says so: the rest is for the signatures to judge.
static GREETINGS: &[Greeting] = &[
    // A status line (RFC 9112 section 4).
    Greeting { begins: b"HTTP/1.", of: &[&http::HTTP, &websocket::WEBSOCKET], mutual: false },
    Greeting { begins: b"RTSP/1.", of: &[&rtsp::RTSP], mutual: false },
    // RFC 4253 section 4.2.
    Greeting { begins: b"SSH-", of: &[&ssh::SSH], mutual: true },
    // Service ready (RFC 5321 section 4.2.3, RFC 959 section 4.2.2).
    Greeting { begins: b"220", of: &[&smtp::SMTP, &ftp::FTP], mutual: false },
    // RFC 9051 section 7.1.
    Greeting { begins: b"* OK", of: &[&imap::IMAP], mutual: false },
    // RFC 1939 section 4.
    Greeting { begins: b"+OK", of: &[&pop3::POP3], mutual: false },
    // Stream headers (RFC 6120 section 4.7).
    Greeting { begins: b"<?xml ", of: &[&xmpp::XMPP], mutual: true },
    Greeting { begins: b"<stream:", of: &[&xmpp::XMPP], mutual: true },
    // RFC 6143 section 7.1.1.
    Greeting { begins: b"RFB 00", of: &[&vnc::VNC], mutual: true },
];

struct Greeting {
    begins: &'static [u8],
    of: &'static [&'static Signature],
    /// Whether clients begin so, too: then the server is taken to be at the lower port.
    mutual: bool,
}

/// The greetings, with the numbers that their signatures have in the registry.
pub(super) struct Greetings {
    known: Vec<(&'static Greeting, Candidates)>,
    /// Whose flows stay what they are: what comes behind a strange reply decides on calls.
    unmoved: Option<Label>,
}

impl Default for Greetings {
    fn default() -> Self {
        let numbered = GREETINGS.iter().map(|greeting| {
            let mut candidates = Candidates::default();
            for (number, signature) in SIGNATURES.iter().enumerate() {
                if greeting.of.iter().any(|of| std::ptr::eq(*of, *signature)) {
                    candidates.add(number as Label);
                }
            }
            (greeting, candidates)
        });
        Self { known: numbered.collect(), unmoved: label_of("SIP") }
    }
}

impl Greetings {
    /// Who may greet like this, unless the protocol of this label may itself.
    pub fn of_another(&self, payload: &Payload, label: Label) -> Option<Candidates> {
        let (greeting, candidates) =
            self.known.iter().find(|(greeting, _)| payload.bytes.starts_with(greeting.begins))?;
        if self.unmoved == Some(label) {
            return None;
        }
        let may_be_a_server = !greeting.mutual || payload.source_port < payload.destination_port;
        (may_be_a_server && !candidates.contains(label)).then_some(*candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Carrier::Tcp;
    use super::super::tests::{Sent, names, sent};

    const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nServer: a\r\n\r\n";
    const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.2p1\r\n";
    const STREAM: &[u8] =
        b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

    fn client_hello() -> Vec<u8> {
        let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
        let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
        [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
    }

    /// What clients of several protocols say first, whose servers would greet in no other.
    fn requests() -> Vec<(&'static str, Vec<u8>)> {
        let smb = [&b"\0\0\0\x40\xfeSMB\x40\0"[..], &[0; 58]].concat();
        vec![
            ("TLS", client_hello()),
            ("Redis", b"*1\r\n$4\r\nPING\r\n".to_vec()),
            ("MQTT", b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0".to_vec()),
            ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
            ("LDAP", b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0".to_vec()),
            ("SMB", smb),
            ("DNS", b"\0\x15\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x01b\0\0\x01\0\x01".to_vec()),
        ]
    }

    fn reply(port: u16, payload: &[u8]) -> Sent {
        Sent { reverse: true, ..sent(Tcp, port, 40001, payload) }
    }

    #[test]
    fn servers_greet_as_themselves() {
        for (protocol, request) in requests() {
            for (port, greeting, name) in [
                (80, BAD_REQUEST, "HTTP"),
                (22, SSH, "SSH"),
                (21, &b"220 (vsFTPd 3.0.3)\r\n"[..], "FTP"),
                (9000, b"220 a ESMTP\r\n", "SMTP"),
                (143, b"* OK IMAP4rev1 ready\r\n", "IMAP"),
                (9000, b"+OK POP3 ready\r\n", "POP3"),
                (5222, STREAM, "XMPP"),
                (5900, b"RFB 003.008\n", "VNC"),
                (554, b"RTSP/1.0 400 Bad Request\r\nCSeq: 1\r\n\r\n", "RTSP"),
            ] {
                let packets =
                    [sent(Tcp, 40001, port, &request), reply(port, greeting), reply(port, b"\x7f\x01\x02")];
                let told = [Some(protocol), Some(name), Some(name)];
                assert_eq!(names(&packets), told, "{protocol} {name}");
            }
        }
    }

    #[test]
    fn near_misses() {
        let (_, redis) = requests().swap_remove(1);
        for (port, text) in [
            // What the label can say itself, what none says like this, and what is no line yet.
            (9000, &b"+OK\r\n"[..]),
            (9000, b"220 ready\r\n"),
            (9000, b"* OK ready\r\n"),
            (80, b"HTTP/1.1 4"),
            (22, b"SSH-3.0-a\r\n"),
            (5222, b"<?xml version='1.0'?><html>"),
        ] {
            let packets = [sent(Tcp, 40001, port, &redis), reply(port, text)];
            assert_eq!(names(&packets)[1], Some("Redis"), "{text:?}");
        }
        // Not the first reply.
        let later = [sent(Tcp, 40001, 9000, &redis), reply(9000, b"+OK\r\n"), reply(9000, BAD_REQUEST)];
        assert_eq!(names(&later)[2], Some("Redis"));
        // What clients say changes nothing of what the server has said.
        let greeting = [&[0x4a, 0, 0, 0, 10][..], b"8.0.36\0", &[7; 66]].concat();
        let packets = [reply(3306, &greeting), sent(Tcp, 40001, 3306, SSH), sent(Tcp, 40001, 3306, STREAM)];
        assert_eq!(names(&packets), [Some("MySQL"); 3]);
    }
}
