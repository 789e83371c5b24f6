//! The wire contract as tables, for rendering: names and types of the fields of `CapturedPacket` and what is in
//! it (`proto/data.proto`), by ascending number, as they come over the wire. A test in TypeScript compares them with
//! the contract.

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
pub struct Field {
    /// Field number, 1 to 31.
    pub number: u32,
    /// Name in the contract.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// A repeated field is a JSON array.
    pub repeated: bool,
    /// Shown even when it holds its default.
    pub always: bool,
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false, always: false }
}

const fn always(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false, always: true }
}

const fn many(number: u32, name: &'static str, kind: Kind, always: bool) -> Field {
    Field { number, name, kind, repeated: true, always }
}

/// `CapturedPacket`. The frame and TLS key material are not rendered.
pub static CAPTURED_PACKET: &[Field] = &[
    one(1, "data", Kind::Hidden),
    always(2, "timestamp_ns", Kind::Signed),
    always(3, "capture_length", Kind::Unsigned),
    always(4, "original_length", Kind::Unsigned),
    always(5, "interface_index", Kind::Unsigned),
    always(6, "link_type", Kind::Unsigned),
    one(7, "metadata", Kind::Inline(PACKET_METADATA)),
    one(8, "interface_name", Kind::Text),
    many(9, "matched_filter_ids", Kind::Text, false),
    one(10, "tls_keys", Kind::Hidden),
];

/// `PacketMetadata`.
pub static PACKET_METADATA: &[Field] = &[
    one(1, "protocol", Kind::Text),
    one(2, "src_ip", Kind::Text),
    one(3, "dst_ip", Kind::Text),
    one(4, "src_port", Kind::Unsigned),
    one(5, "dst_port", Kind::Unsigned),
    one(6, "transport", Kind::Text),
    one(7, "sip", Kind::Message(SIP_METADATA)),
    one(8, "rtp", Kind::Message(RTP_METADATA)),
    one(9, "info", Kind::Text),
    many(10, "details", Kind::Map, false),
    one(11, "email", Kind::Message(EMAIL_METADATA)),
    one(12, "dns", Kind::Message(DNS_METADATA)),
];

static SIP_METADATA: &[Field] = &[
    one(1, "method", Kind::Text),
    one(2, "call_id", Kind::Text),
    one(3, "from_user", Kind::Text),
    one(4, "to_user", Kind::Text),
    one(5, "response_code", Kind::Unsigned),
    one(6, "p_asserted_identity", Kind::Text),
    one(7, "from_tag", Kind::Text),
    one(8, "to_tag", Kind::Text),
    one(9, "from_uri", Kind::Text),
    one(10, "to_uri", Kind::Text),
    one(11, "access_network_info", Kind::Message(ACCESS_NETWORK_INFO)),
    one(12, "visited_network_id", Kind::Text),
    one(13, "cseq_method", Kind::Text),
];

static ACCESS_NETWORK_INFO: &[Field] = &[
    one(1, "access_type", Kind::Text),
    one(2, "bssid", Kind::Text),
    one(3, "cell_id", Kind::Text),
    one(4, "local_ip", Kind::Text),
    many(5, "parameters", Kind::Map, false),
];

static RTP_METADATA: &[Field] = &[
    always(1, "ssrc", Kind::Unsigned),
    always(2, "payload_type", Kind::Unsigned),
    always(3, "sequence", Kind::Unsigned),
    always(4, "timestamp", Kind::Unsigned),
];

static EMAIL_METADATA: &[Field] = &[
    one(1, "mail_from", Kind::Text),
    many(2, "rcpt_to", Kind::Text, false),
    one(3, "subject", Kind::Text),
    one(4, "message_id", Kind::Text),
    one(5, "body_preview", Kind::Text),
    one(6, "body_size", Kind::Signed),
    one(7, "body_truncated", Kind::Bool),
];

static DNS_METADATA: &[Field] = &[
    always(1, "transaction_id", Kind::Unsigned),
    always(2, "is_response", Kind::Bool),
    always(3, "opcode", Kind::Text),
    always(4, "response_code", Kind::Text),
    always(5, "authoritative", Kind::Bool),
    always(6, "truncated", Kind::Bool),
    always(7, "recursion_desired", Kind::Bool),
    always(8, "recursion_available", Kind::Bool),
    always(9, "authenticated_data", Kind::Bool),
    always(10, "checking_disabled", Kind::Bool),
    always(11, "question_count", Kind::Unsigned),
    always(12, "answer_count", Kind::Unsigned),
    always(13, "authority_count", Kind::Unsigned),
    always(14, "additional_count", Kind::Unsigned),
    always(15, "query_name", Kind::Text),
    always(16, "query_type", Kind::Text),
    always(17, "query_class", Kind::Text),
    many(18, "answers", Kind::Message(DNS_ANSWER), true),
    always(19, "query_response_time_ms", Kind::Signed),
    always(20, "correlated_query", Kind::Bool),
    always(21, "tunneling_score", Kind::Double),
    always(22, "entropy_score", Kind::Double),
];

static DNS_ANSWER: &[Field] = &[
    always(1, "name", Kind::Text),
    always(2, "type", Kind::Text),
    always(3, "class", Kind::Text),
    always(4, "ttl", Kind::Unsigned),
    always(5, "data", Kind::Text),
];
