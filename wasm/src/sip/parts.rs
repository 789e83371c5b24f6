//! What filters look at in a message.

use super::address::{Uri, list, name_address, parameter, unquoted};
use super::equipment::{IMEI_DIGITS, IMSI_DIGITS, imei, imsi};
use super::header::Header;
use super::message::Message;
use crate::detect::text_message::split_at;
use crate::short::find;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Somebody it is from, to or about: Request-URI, From, To, P-Asserted-Identity and P-Preferred-Identity (RFC 3325),
    /// P-Called-Party-ID (RFC 7315).
    Identity(Uri<'a>),
    /// The subscriber, by an identity or by the user name in Authorization.
    Imsi([u8; IMSI_DIGITS]),
    /// The equipment, by the `+sip.instance` of a Contact (RFC 5626).
    Imei([u8; IMEI_DIGITS]),
    /// Call-ID.
    CallId(&'a [u8]),
    /// A session description, or the beginning of one.
    SessionDescription(&'a [u8]),
}

/// The fields that say who takes part.
const IDENTITIES: [Header; 5] =
    [Header::From, Header::To, Header::PAssertedIdentity, Header::PPreferredIdentity, Header::PCalledPartyId];

/// Which parts are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// [`Part::Identity`].
    pub identities: bool,
    /// [`Part::Imsi`].
    pub imsi: bool,
    /// [`Part::Imei`].
    pub imei: bool,
    /// [`Part::CallId`].
    pub call_id: bool,
    /// [`Part::SessionDescription`].
    pub descriptions: bool,
}

impl Wanted {
    /// All of them.
    pub const ALL: Self =
        Self { identities: true, imsi: true, imei: true, call_id: true, descriptions: true };
}

/// Parties of a message that need not be told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// That of the first From.
    pub from: bool,
    /// That of the first To.
    pub to: bool,
}

/// Calls `found` with the parts of a message, the end of which may be missing. False where the bytes are none.
pub fn for_each_part<'a>(bytes: &'a [u8], found: &mut dyn FnMut(Part<'a>)) -> bool {
    let message = Message::scan(bytes);
    if let Ok(message) = &message {
        for_each_part_of(message, Wanted::ALL, Known::default(), found);
    }
    message.is_ok()
}

/// Calls `found` with those parts of a message that was read which are wanted and not known.
pub fn for_each_part_of<'a>(
    message: &Message<'a>,
    wanted: Wanted,
    known: Known,
    found: &mut dyn FnMut(Part<'a>),
) {
    if wanted.identities || wanted.imsi {
        put_identities(message, wanted, known, found);
    }
    if wanted.imsi {
        for credentials in message.lines(Header::Authorization) {
            if let Some(number) = user_name(credentials).and_then(subscriber) {
                found(Part::Imsi(number));
            }
        }
    }
    if wanted.imei {
        for contact in message.values(Header::Contact) {
            let (_, parameters) = name_address(contact);
            if let Some(number) = parameter(parameters, b"+sip.instance").and_then(imei) {
                found(Part::Imei(number));
            }
        }
    }
    if wanted.call_id {
        message.lines(Header::CallId).for_each(|call_id| found(Part::CallId(call_id)));
    }
    if wanted.descriptions {
        message.session_descriptions(&mut |description| found(Part::SessionDescription(description)));
    }
}

fn put_identities<'a>(message: &Message<'a>, wanted: Wanted, known: Known, found: &mut dyn FnMut(Part<'a>)) {
    let mut put = |uri| put_identity(uri, wanted, found);
    put(message.request_uri());
    for header in IDENTITIES {
        let Some(first) = message.first(header) else { continue };
        let is_known = match header {
            Header::From => known.from,
            Header::To => known.to,
            _ => false,
        };
        if !is_known {
            match header {
                _ if has_several(first) => list(first).for_each(|address| put(name_address(address).0)),
                Header::From => put(message.from().uri),
                Header::To => put(message.to().uri),
                _ => put(name_address(first).0),
            }
        }
        if message.is_repeated(header) {
            for line in message.lines(header).skip(1) {
                list(line).for_each(|address| put(name_address(address).0));
            }
        }
    }
}

/// Whether a message names nobody but in its Request-URI, its first From and its first To.
pub(crate) fn has_no_other_identities(message: &Message) -> bool {
    IDENTITIES.into_iter().all(|header| match header {
        Header::From | Header::To => !message.is_repeated(header),
        _ => message.first(header).is_none(),
    })
}

/// Whether a field may name several parties.
#[inline]
pub(crate) fn has_several(line: &[u8]) -> bool {
    find(line, b',').is_some()
}

fn put_identity<'a>(uri: &'a [u8], wanted: Wanted, found: &mut dyn FnMut(Part<'a>)) {
    let Some(uri) = Uri::parse(uri) else { return };
    found(Part::Identity(uri));
    if wanted.imsi
        && let Some(number) = imsi(uri.user, uri.host)
    {
        found(Part::Imsi(number));
    }
}

/// The `username` of credentials (RFC 3261 section 25.1, RFC 7616).
fn user_name(credentials: &[u8]) -> Option<&[u8]> {
    let (_, parameters) = split_at(credentials, b' ')?;
    list(parameters).find_map(|one| {
        let (name, value) = split_at(one, b'=')?;
        let value = unquoted(value).split(|octet| b" \t".contains(octet)).next();
        value.filter(|_| name.trim_ascii().eq_ignore_ascii_case(b"username"))
    })
}

fn subscriber(name: &[u8]) -> Option<[u8; IMSI_DIGITS]> {
    if let Some(uri) = Uri::parse(name) {
        return imsi(uri.user, uri.host);
    }
    let (user, host) = split_at(name, b'@')?;
    imsi(user, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(message: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for_each_part(message.as_bytes(), &mut |part| {
            texts.push(match part {
                Part::Identity(uri) => {
                    let mut text = Vec::new();
                    uri.write_address(&mut text);
                    String::from_utf8_lossy(&text).into_owned()
                }
                Part::Imsi(digits) => format!("imsi {}", String::from_utf8_lossy(&digits)),
                Part::Imei(digits) => format!("imei {}", String::from_utf8_lossy(&digits)),
                Part::CallId(id) => format!("call {}", String::from_utf8_lossy(id)),
                Part::SessionDescription(text) => format!("sdp {}", text.len()),
            });
        });
        texts
    }

    #[test]
    fn what_a_request_says() {
        let message = "\r\nINVITE  sip:bob@x SIP/2.0\r\n\
            f : \"a, b\" <sip:alice@a.example>;tag=1\r\n\
            TO:\r\n <sip:carol@c>\r\n\
            P-Asserted-Identity: <sip:310260123456789@ims.mnc260.mcc310.3gppnetwork.org>, <tel:+1-2>\r\n\
            p-called-party-id: <sip:dave@d>\r\n\
            Authorization: Digest username=\"310260123456780@ims.mnc260.mcc310.3gppnetwork.org\", realm=\"x\"\r\n\
            m: <sip:x@y>;q=1;+sip.instance=\"<urn:gsma:imei:90420156-025763-0>\"\r\n\
            i: abc@d\r\n\
            Via: SIP/2.0/UDP sip:nobody@nowhere\r\n\
            \r\n\
            v=0\r\no=mallory 1\r\n";
        assert_eq!(
            parts(message),
            [
                "bob@x",
                "alice@a.example",
                "carol@c",
                "310260123456789@ims.mnc260.mcc310.3gppnetwork.org",
                "imsi 310260123456789",
                "+12",
                "dave@d",
                "imsi 310260123456780",
                "imei 90420156025763",
                "call abc@d",
                "sdp 18",
            ]
        );
    }

    #[test]
    fn what_is_no_message_says_nothing() {
        for text in [
            "",
            "\r\n\r\n",
            "v=0\r\n",
            "GET / HTTP/1.1\r\nFrom: <sip:a@b>\r\n\r\n",
            "INVITE sip:a SIP/3.0\r\n",
            "IN(VITE sip:a SIP/2.0\r\n",
        ] {
            assert!(!for_each_part(text.as_bytes(), &mut |part| panic!("{part:?}")), "{text}");
        }
        assert_eq!(parts("SIP/2.0 200\nFrom: sip:a@b"), ["a@b"]);
    }
}
