//! The wire contract as tables: names and types of the fields of `CapturedPacket` and what is in it
//! (`proto/data.proto`), by ascending number, as they come over the wire. Encoders name fields by these constants;
//! the JSON renderer of received packets walks the tables. A test in TypeScript compares them with the contract.

/// How a field's bytes are read.
#[derive(Clone, Copy)]
pub enum Kind {
    /// uint32, uint64.
    Unsigned,
    /// int32, int64.
    Signed,
    /// bool.
    Bool,
    /// double.
    Double,
    /// string.
    Text,
    /// A message.
    Message(&'static [Field]),
    /// `PacketMetadata`: its fields are shown as if they were the packet's own.
    Inline(&'static [Field]),
    /// map<string, string>.
    Map,
    /// Not shown.
    Hidden,
}

/// One field of a message.
#[derive(Clone, Copy)]
pub struct Field {
    /// Field number.
    pub number: u32,
    /// Name in the contract.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// A repeated field is a JSON array.
    pub repeated: bool,
    /// Shown even when it holds its default.
    pub always: bool,
    /// The JSON key.
    pub key: Key,
}

/// `,"name":`, in an array of fixed size, which is copied faster than a slice.
#[derive(Clone, Copy)]
pub struct Key {
    /// The text, then zeros.
    pub padded: [u8; Key::SIZE],
    /// Length of the text.
    pub length: usize,
}

impl Key {
    /// Room for the longest name.
    pub const SIZE: usize = 32;

    const fn of(name: &str) -> Self {
        let name = name.as_bytes();
        let mut padded = [0; Self::SIZE];
        padded[0] = b',';
        padded[1] = b'"';
        let mut at = 0;
        while at < name.len() {
            padded[at + 2] = name[at];
            at += 1;
        }
        padded[at + 2] = b'"';
        padded[at + 3] = b':';
        Self { padded, length: at + 4 }
    }
}

const fn field(number: u32, name: &'static str, kind: Kind, repeated: bool, always: bool) -> Field {
    Field { number, name, kind, repeated, always, key: Key::of(name) }
}

/// Shown when present.
const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    field(number, name, kind, false, false)
}

/// Shown always.
const fn always(number: u32, name: &'static str, kind: Kind) -> Field {
    field(number, name, kind, false, true)
}

/// Repeated; shown when there is any.
const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    field(number, name, kind, true, false)
}

/// Repeated; an empty array when there is none.
const fn list(number: u32, name: &'static str, kind: Kind) -> Field {
    field(number, name, kind, true, true)
}

/// A module per message: a constant per field, and `ALL` of them.
macro_rules! messages {
    ($($(#[$doc:meta])* $module:ident { $($constant:ident: $make:ident($number:literal, $name:literal, $kind:expr),)* })*) => {
        $($(#[$doc])* pub mod $module {
            use super::*;
            $(#[doc = $name] pub const $constant: Field = $make($number, $name, $kind);)*
            /// All fields.
            pub static ALL: &[Field] = &[$($constant),*];
        })*
    };
}

messages! {
    /// `CapturedPacket`. The frame and TLS key material are not rendered.
    captured_packet {
        DATA: one(1, "data", Kind::Hidden),
        TIMESTAMP_NS: always(2, "timestamp_ns", Kind::Signed),
        CAPTURE_LENGTH: always(3, "capture_length", Kind::Unsigned),
        ORIGINAL_LENGTH: always(4, "original_length", Kind::Unsigned),
        INTERFACE_INDEX: always(5, "interface_index", Kind::Unsigned),
        LINK_TYPE: always(6, "link_type", Kind::Unsigned),
        METADATA: one(7, "metadata", Kind::Inline(packet_metadata::ALL)),
        INTERFACE_NAME: one(8, "interface_name", Kind::Text),
        MATCHED_FILTER_IDS: many(9, "matched_filter_ids", Kind::Text),
        TLS_KEYS: one(10, "tls_keys", Kind::Hidden),
    }
    /// `PacketMetadata`.
    packet_metadata {
        PROTOCOL: one(1, "protocol", Kind::Text),
        SRC_IP: one(2, "src_ip", Kind::Text),
        DST_IP: one(3, "dst_ip", Kind::Text),
        SRC_PORT: one(4, "src_port", Kind::Unsigned),
        DST_PORT: one(5, "dst_port", Kind::Unsigned),
        TRANSPORT: one(6, "transport", Kind::Text),
        SIP: one(7, "sip", Kind::Message(sip_metadata::ALL)),
        RTP: one(8, "rtp", Kind::Message(rtp_metadata::ALL)),
        INFO: one(9, "info", Kind::Text),
        DETAILS: many(10, "details", Kind::Map),
        EMAIL: one(11, "email", Kind::Message(email_metadata::ALL)),
        DNS: one(12, "dns", Kind::Message(dns_metadata::ALL)),
    }
    /// `SIPMetadata`.
    sip_metadata {
        METHOD: one(1, "method", Kind::Text),
        CALL_ID: one(2, "call_id", Kind::Text),
        FROM_USER: one(3, "from_user", Kind::Text),
        TO_USER: one(4, "to_user", Kind::Text),
        RESPONSE_CODE: one(5, "response_code", Kind::Unsigned),
        P_ASSERTED_IDENTITY: one(6, "p_asserted_identity", Kind::Text),
        FROM_TAG: one(7, "from_tag", Kind::Text),
        TO_TAG: one(8, "to_tag", Kind::Text),
        FROM_URI: one(9, "from_uri", Kind::Text),
        TO_URI: one(10, "to_uri", Kind::Text),
        ACCESS_NETWORK_INFO: one(11, "access_network_info", Kind::Message(access_network_info::ALL)),
        VISITED_NETWORK_ID: one(12, "visited_network_id", Kind::Text),
        CSEQ_METHOD: one(13, "cseq_method", Kind::Text),
    }
    /// `AccessNetworkInfo`.
    access_network_info {
        ACCESS_TYPE: one(1, "access_type", Kind::Text),
        BSSID: one(2, "bssid", Kind::Text),
        CELL_ID: one(3, "cell_id", Kind::Text),
        LOCAL_IP: one(4, "local_ip", Kind::Text),
        PARAMETERS: many(5, "parameters", Kind::Map),
    }
    /// `RTPMetadata`.
    rtp_metadata {
        SSRC: always(1, "ssrc", Kind::Unsigned),
        PAYLOAD_TYPE: always(2, "payload_type", Kind::Unsigned),
        SEQUENCE: always(3, "sequence", Kind::Unsigned),
        TIMESTAMP: always(4, "timestamp", Kind::Unsigned),
    }
    /// `EmailMetadata`.
    email_metadata {
        MAIL_FROM: one(1, "mail_from", Kind::Text),
        RCPT_TO: many(2, "rcpt_to", Kind::Text),
        SUBJECT: one(3, "subject", Kind::Text),
        MESSAGE_ID: one(4, "message_id", Kind::Text),
        BODY_PREVIEW: one(5, "body_preview", Kind::Text),
        BODY_SIZE: one(6, "body_size", Kind::Signed),
        BODY_TRUNCATED: one(7, "body_truncated", Kind::Bool),
    }
    /// `DNSMetadata`.
    dns_metadata {
        TRANSACTION_ID: always(1, "transaction_id", Kind::Unsigned),
        IS_RESPONSE: always(2, "is_response", Kind::Bool),
        OPCODE: always(3, "opcode", Kind::Text),
        RESPONSE_CODE: always(4, "response_code", Kind::Text),
        AUTHORITATIVE: always(5, "authoritative", Kind::Bool),
        TRUNCATED: always(6, "truncated", Kind::Bool),
        RECURSION_DESIRED: always(7, "recursion_desired", Kind::Bool),
        RECURSION_AVAILABLE: always(8, "recursion_available", Kind::Bool),
        AUTHENTICATED_DATA: always(9, "authenticated_data", Kind::Bool),
        CHECKING_DISABLED: always(10, "checking_disabled", Kind::Bool),
        QUESTION_COUNT: always(11, "question_count", Kind::Unsigned),
        ANSWER_COUNT: always(12, "answer_count", Kind::Unsigned),
        AUTHORITY_COUNT: always(13, "authority_count", Kind::Unsigned),
        ADDITIONAL_COUNT: always(14, "additional_count", Kind::Unsigned),
        QUERY_NAME: always(15, "query_name", Kind::Text),
        QUERY_TYPE: always(16, "query_type", Kind::Text),
        QUERY_CLASS: always(17, "query_class", Kind::Text),
        ANSWERS: list(18, "answers", Kind::Message(dns_answer::ALL)),
        QUERY_RESPONSE_TIME_MS: always(19, "query_response_time_ms", Kind::Signed),
        CORRELATED_QUERY: always(20, "correlated_query", Kind::Bool),
        TUNNELING_SCORE: always(21, "tunneling_score", Kind::Double),
        ENTROPY_SCORE: always(22, "entropy_score", Kind::Double),
    }
    /// `DNSAnswer`.
    dns_answer {
        NAME: always(1, "name", Kind::Text),
        TYPE: always(2, "type", Kind::Text),
        CLASS: always(3, "class", Kind::Text),
        TTL: always(4, "ttl", Kind::Unsigned),
        DATA: always(5, "data", Kind::Text),
    }
}
