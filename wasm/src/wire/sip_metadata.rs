//! `SIPMetadata` and `AccessNetworkInfo` (`proto/data.proto`) from a message.

use super::encoder::Encoder;
use super::schema::Field;
use super::schema::{access_network_info as network, sip_metadata as field};
use crate::detect::text_message::{MOST_METHOD, is_token};
use crate::sip::address::{Uri, decoded, parameters, unescaped};
use crate::sip::header::{Header, unfolded};
use crate::sip::message::Message;

/// Longest user in bytes whose escapes are decoded; a longer one stays as it is.
const MOST_USER: usize = 256;
/// Parameters of P-Access-Network-Info that are looked at.
const MOST_PARAMETERS: usize = 32;

/// Encodes a `SIPMetadata`. The method of a response is empty: that of its transaction is the last field. Users are
/// without password and parameters, their escapes decoded. Several values of P-Asserted-Identity are put together with
/// commas, as the field may have them; of P-Access-Network-Info and P-Visited-Network-ID the first one counts.
#[inline(never)]
pub fn encode<E: Encoder>(encoder: &mut E, message: &Message) {
    let (from, to) = (message.from(), message.to());
    encoder.pieces(&field::METHOD, one(message.method()));
    encoder.pieces(&field::CALL_ID, one(message.call_id()));
    put_user(encoder, &field::FROM_USER, from.uri);
    put_user(encoder, &field::TO_USER, to.uri);
    encoder.unsigned(&field::RESPONSE_CODE, u64::from(message.status().unwrap_or(0)));
    if message.first(Header::PAssertedIdentity).is_some() {
        put_asserted_identities(encoder, message);
    }
    encoder.pieces(&field::FROM_TAG, one(from.tag));
    encoder.pieces(&field::TO_TAG, one(to.tag));
    put_unfolded(encoder, &field::FROM_URI, from.uri);
    put_unfolded(encoder, &field::TO_URI, to.uri);
    if message.first(Header::PAccessNetworkInfo).or(message.first(Header::PVisitedNetworkId)).is_some() {
        put_networks(encoder, message);
    }
    // A longer one than any that is taken for a method stays as it is.
    let method = message.cseq_method();
    if !method.iter().any(u8::is_ascii_lowercase) {
        return encoder.pieces(&field::CSEQ_METHOD, one(method));
    }
    let mut upper = [0; MOST_METHOD];
    let method = match upper.get_mut(..method.len()) {
        Some(upper) => {
            upper.copy_from_slice(method);
            upper.make_ascii_uppercase();
            upper
        }
        None => method,
    };
    encoder.pieces(&field::CSEQ_METHOD, one(method));
}

#[inline(never)]
fn put_asserted_identities<E: Encoder>(encoder: &mut E, message: &Message) {
    let identities = message.lines(Header::PAssertedIdentity).filter(|line| !line.is_empty()).enumerate();
    let identities = identities
        .flat_map(|(number, line)| one(if number == 0 { b"" } else { b", " }).chain(unfolded(line)));
    encoder.pieces(&field::P_ASSERTED_IDENTITY, identities);
}

#[inline(never)]
fn put_networks<E: Encoder>(encoder: &mut E, message: &Message) {
    let has_type =
        |value: &&[u8]| parameters(value).next().is_some_and(|(access_type, _)| !access_type.is_empty());
    if let Some(value) = message.values(Header::PAccessNetworkInfo).find(has_type) {
        encoder.message(&field::ACCESS_NETWORK_INFO, |encoder| encode_access_network_info(encoder, value));
    }
    if let Some(value) = message.values(Header::PVisitedNetworkId).next() {
        let (network, _) = parameters(value).next().unwrap_or_default();
        encoder.pieces(&field::VISITED_NETWORK_ID, text(network));
    }
}

/// A text that may be folded, and hardly ever is.
fn put_unfolded<E: Encoder>(encoder: &mut E, field: &Field, text: &[u8]) {
    match memchr::memchr(b'\n', text) {
        None => encoder.pieces(field, one(text)),
        Some(_) => encoder.pieces(field, unfolded(text)),
    }
}

/// Encodes an `AccessNetworkInfo` of one element of P-Access-Network-Info (RFC 7315 section 5.4, 3GPP TS 24.229 section
/// 7.2A.4). Of parameters of one name the first counts; of names for the cell, the last.
#[cold]
fn encode_access_network_info<E: Encoder>(encoder: &mut E, value: &[u8]) {
    let mut all = parameters(value);
    let (access_type, _) = all.next().unwrap_or_default();
    let (mut bssid, mut cell_id, mut local_ip) = (None, None, None);
    for (name, value) in parameters(value).skip(1).take(MOST_PARAMETERS) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("i-wlan-node-id") {
            bssid = bssid.or(Some(value));
        } else if ["cgi-3gpp", "utran-cell-id-3gpp", "ecgi", "ncgi"].into_iter().any(is) {
            cell_id = Some(value);
        } else if is("local-ip") || is("UE-local-IP-address") {
            local_ip = local_ip.or(Some(value));
        }
    }
    encoder.pieces(&network::ACCESS_TYPE, text(access_type));
    encoder.pieces(&network::BSSID, text(bssid.unwrap_or_default()));
    encoder.pieces(&network::CELL_ID, text(cell_id.unwrap_or_default()));
    encoder.pieces(&network::LOCAL_IP, text(local_ip.unwrap_or_default()));
    let named = all.take(MOST_PARAMETERS).enumerate().filter(|(number, (name, _))| {
        let mut before = parameters(value).skip(1).take(*number);
        !name.is_empty() && is_token(name) && !before.any(|(other, _)| other.eq_ignore_ascii_case(name))
    });
    encoder.named_pieces(&network::PARAMETERS, named.map(|(_, (name, value))| (name, text(value))));
}

/// The user of a URI.
#[inline(never)]
fn put_user<E: Encoder>(encoder: &mut E, field: &Field, uri: &[u8]) {
    let user = Uri::user_of(uri).unwrap_or_default();
    if !user.contains(&b'%') || user.len() > MOST_USER {
        return encoder.pieces(field, one(user));
    }
    let mut buffer = [0; MOST_USER];
    let length = buffer.iter_mut().zip(decoded(user)).map(|(place, octet)| *place = octet).count();
    encoder.pieces(field, one(buffer.get(..length).unwrap_or_default()));
}

/// A text of one piece.
fn one(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(text)
}

/// A token, or what a quoted string says.
fn text(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    unescaped(value).flat_map(unfolded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encoder::{Json, Protobuf};
    use crate::wire::json::put_received;
    use crate::wire::schema::captured_packet::METADATA;
    use crate::wire::schema::packet_metadata;
    use crate::wire::time::Clock;

    fn json(message: &str) -> serde_json::Value {
        let mut out = Vec::new();
        let message = Message::parse(message.as_bytes()).unwrap();
        encode(&mut Json { out: &mut out, first: true }, &message);
        serde_json::from_str(&format!("{{{}}}", str::from_utf8(&out).unwrap())).unwrap()
    }

    #[test]
    fn all_fields() {
        let request = "INVITE sip:b@x SIP/2.0\r\ni: a...b@c\r\nf: \"A\\\"\" <sip:%2B49123;phone-context=x@h>;tag=1\r\n\
            t: <tel:+1-2>\r\nCSeq: 7 invite\r\nP-Asserted-Identity: \"x, y\" <sip:a@b>,\r\n <tel:+1>\r\n\
            P-Asserted-Identity: <tel:+2>\r\n\
            P-Access-Network-Info: 3GPP-E-UTRAN-FDD; UTRAN-Cell-ID-3gpp=\"26201;0\\\"1,2\";np , IEEE-802.11;x=1\r\n\
            P-Visited-Network-ID: \"net, \\\"1\\\";x\" ;y=1, second\r\n\r\n";
        let expected = serde_json::json!({
            "method": "INVITE",
            "call_id": "a...b@c",
            "from_user": "+49123",
            "to_user": "+1-2",
            "p_asserted_identity": "\"x, y\" <sip:a@b>, <tel:+1>, <tel:+2>",
            "from_tag": "1",
            "from_uri": "sip:%2B49123;phone-context=x@h",
            "to_uri": "tel:+1-2",
            "access_network_info": {
                "access_type": "3GPP-E-UTRAN-FDD",
                "cell_id": "26201;0\"1,2",
                "parameters": { "utran-cell-id-3gpp": "26201;0\"1,2", "np": "" },
            },
            "visited_network_id": "net, \"1\";x",
            "cseq_method": "INVITE",
        });
        assert_eq!(json(request), expected);
        let response = "SIP/2.0 486 Busy\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n\
            P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=00112233;local-ip=\"192.0.2.1\";x=1;X=2;=;b ad=1\r\n\r\n";
        let expected = serde_json::json!({
            "call_id": "x",
            "response_code": 486,
            "access_network_info": {
                "access_type": "IEEE-802.11",
                "bssid": "00112233",
                "local_ip": "192.0.2.1",
                "parameters": { "i-wlan-node-id": "00112233", "local-ip": "192.0.2.1", "x": "1" },
            },
            "cseq_method": "BYE",
        });
        assert_eq!(json(response), expected);
    }

    /// What a receiver shows of the wire output.
    #[test]
    fn both_encodings_say_the_same() {
        for message in [
            &b"SIP/2.0 200 OK\r\nCall-ID: \xff\xc3\xbc\r\nf: <sip:%C3%BC%00@h>;tag=\"\xc3\"\r\nCSeq: 1 x\r\n\
                P-Access-Network-Info: A;b=\"c\\\xc3\xbc\";d\r\nP-Visited-Network-ID: \xff\r\n\r\n"[..],
            b"BYE sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n",
        ] {
            let message = Message::parse(message).unwrap();
            let (mut written, mut packet) = (Vec::new(), Vec::new());
            encode(&mut Json { out: &mut written, first: true }, &message);
            let mut encoder = Protobuf(&mut packet);
            encoder.message(&METADATA, |encoder| {
                encoder.message(&packet_metadata::SIP, |encoder| encode(encoder, &message));
            });
            let mut shown = Vec::new();
            put_received(&mut shown, &mut Clock::default(), b"", &packet);
            let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
            let written = format!("{{{}}}", str::from_utf8(&written).unwrap());
            assert_eq!(shown["sip"], serde_json::from_str::<serde_json::Value>(&written).unwrap());
        }
    }
}
