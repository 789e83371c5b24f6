/**
 * The messages of `proto/data.proto`, generated from it by `deno task build:proto`. Field names are those of the wire
 * contract; 64-bit integers are bigints; a message field that is not set is null; enum numbers that are not known
 * here arrive as they are.
 *
 * @module
 */

/** Packets captured by one hunter, sent as one message of at most 10 MiB. An empty batch is a valid probe. */
export interface PacketBatch {
  /** The hunter that captured the packets. */
  readonly hunter_id: string;
  /** Number of the batch; its answer carries the same number. */
  readonly sequence: bigint;
  /** When the batch was closed, nanoseconds since 1970. A processor takes it as a sign of life. */
  readonly timestamp_ns: bigint;
  /** The packets, oldest first. */
  readonly packets: readonly CapturedPacket[];
  /** The hunter's counters when the batch was closed. */
  readonly stats: BatchStats | null;
}

/** One frame with what the hunter knows about it. */
export interface CapturedPacket {
  /** The frame from its link layer on. */
  readonly data: Uint8Array;
  /** When it was captured, nanoseconds since 1970. */
  readonly timestamp_ns: bigint;
  /** Bytes of the frame that were captured. */
  readonly capture_length: number;
  /** Bytes of the frame on the line. */
  readonly original_length: number;
  /** Number of the capture interface; 0 when unknown. */
  readonly interface_index: number;
  /** Link type as libpcap numbers it, 0 to 255: receivers keep eight bits. */
  readonly link_type: number;
  /** What the hunter's analysis found. */
  readonly metadata: PacketMetadata | null;
  /** Name of the capture interface; empty for a capture file. */
  readonly interface_name: string;
  /** Filters that let the packet pass. */
  readonly matched_filter_ids: readonly string[];
  /** Key material that the packet's TLS session was decrypted with. */
  readonly tls_keys: TLSSessionKeys | null;
}

/** What a packet carries. */
export interface PacketMetadata {
  /** Detected protocol, such as DNS or SIP. */
  readonly protocol: string;
  /** Source address as text. */
  readonly src_ip: string;
  /** Destination address as text. */
  readonly dst_ip: string;
  /** Source port; 0 without one. */
  readonly src_port: number;
  /** Destination port; 0 without one. */
  readonly dst_port: number;
  /** TCP or UDP. */
  readonly transport: string;
  /** Set for SIP messages. */
  readonly sip: SIPMetadata | null;
  /** Set for RTP packets. */
  readonly rtp: RTPMetadata | null;
  /** One line for a person to read. */
  readonly info: string;
  /** Further facts by name. */
  readonly details: Readonly<Record<string, string>>;
  /** Set for mail sessions. */
  readonly email: EmailMetadata | null;
  /** Set for DNS messages. */
  readonly dns: DNSMetadata | null;
}

/** Fields of a SIP message (RFC 3261). */
export interface SIPMetadata {
  /** Method of a request; empty for a response, which has `cseq_method`. */
  readonly method: string;
  /** Call-ID header field. */
  readonly call_id: string;
  /** User part of the From URI. */
  readonly from_user: string;
  /** User part of the To URI. */
  readonly to_user: string;
  /** Status code; 0 for a request. */
  readonly response_code: number;
  /** Whole value of the P-Asserted-Identity header field (RFC 3325). */
  readonly p_asserted_identity: string;
  /** Tag parameter of From. */
  readonly from_tag: string;
  /** Tag parameter of To. */
  readonly to_tag: string;
  /** URI of From. */
  readonly from_uri: string;
  /** URI of To. */
  readonly to_uri: string;
  /** P-Access-Network-Info header field (RFC 7315). */
  readonly access_network_info: AccessNetworkInfo | null;
  /** P-Visited-Network-ID header field (RFC 7315). */
  readonly visited_network_id: string;
  /** Method of CSeq, which ties a response to its transaction; empty from older hunters. */
  readonly cseq_method: string;
}

/** Where a SIP user is attached (RFC 7315, section 5.4). */
export interface AccessNetworkInfo {
  /** Access technology. */
  readonly access_type: string;
  /** Identity of the wireless access point. */
  readonly bssid: string;
  /** Identity of the mobile cell. */
  readonly cell_id: string;
  /** Address of the user's device. */
  readonly local_ip: string;
  /** The other parameters by name. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Header of an RTP packet (RFC 3550, section 5.1). */
export interface RTPMetadata {
  /** Synchronisation source. */
  readonly ssrc: number;
  /** Payload type, 0 to 127. */
  readonly payload_type: number;
  /** Sequence number, 0 to 65535. */
  readonly sequence: number;
  /** Media clock. */
  readonly timestamp: number;
}

/** A mail transaction (RFC 5321, RFC 5322). */
export interface EmailMetadata {
  /** Address of MAIL FROM. */
  readonly mail_from: string;
  /** Addresses of RCPT TO. */
  readonly rcpt_to: readonly string[];
  /** Subject header field. */
  readonly subject: string;
  /** Message-ID header field. */
  readonly message_id: string;
  /** Start of the body. */
  readonly body_preview: string;
  /** Length of the body, bytes. */
  readonly body_size: number;
  /** True when the preview is not the whole body. */
  readonly body_truncated: boolean;
}

/** A DNS message (RFC 1035). */
export interface DNSMetadata {
  /** ID that query and response share. */
  readonly transaction_id: number;
  /** QR bit. */
  readonly is_response: boolean;
  /** OPCODE by name. */
  readonly opcode: string;
  /** RCODE by name. */
  readonly response_code: string;
  /** AA bit. */
  readonly authoritative: boolean;
  /** TC bit. */
  readonly truncated: boolean;
  /** RD bit. */
  readonly recursion_desired: boolean;
  /** RA bit. */
  readonly recursion_available: boolean;
  /** AD bit (RFC 4035). */
  readonly authenticated_data: boolean;
  /** CD bit (RFC 4035). */
  readonly checking_disabled: boolean;
  /** QDCOUNT. */
  readonly question_count: number;
  /** ANCOUNT. */
  readonly answer_count: number;
  /** NSCOUNT. */
  readonly authority_count: number;
  /** ARCOUNT. */
  readonly additional_count: number;
  /** QNAME of the first question. */
  readonly query_name: string;
  /** QTYPE of the first question by name. */
  readonly query_type: string;
  /** QCLASS of the first question by name. */
  readonly query_class: string;
  /** Records of the answer section. */
  readonly answers: readonly DNSAnswer[];
  /** Time from the query to this response, ms. */
  readonly query_response_time_ms: bigint;
  /** True when the query of this response was seen. */
  readonly correlated_query: boolean;
  /** How much the name looks like a tunnel, 0 to 1. */
  readonly tunneling_score: number;
  /** Shannon entropy of the name, bits per character. */
  readonly entropy_score: number;
}

/** A resource record (RFC 1035, section 3.2.1). */
export interface DNSAnswer {
  /** Owner name. */
  readonly name: string;
  /** Type by name. */
  readonly type: string;
  /** Class by name. */
  readonly class: string;
  /** Time to live, s. */
  readonly ttl: number;
  /** Record data as text. */
  readonly data: string;
}

/** A hunter's counters, in packets, since its process started. */
export interface BatchStats {
  /** Packets captured. */
  readonly total_captured: bigint;
  /** Packets that passed the filters. */
  readonly filtered_matched: bigint;
  /** Packets lost after capture. */
  readonly dropped: bigint;
  /** Fill of the send buffer, percent. */
  readonly buffer_usage: number;
}

/** The answer to one batch. */
export interface StreamControl {
  /** Sequence of the batch that this answers: it was processed. */
  readonly ack_sequence: bigint;
  /** What the hunter shall do. */
  readonly flow_control: FlowControl;
  /** What went wrong with the batch; empty when nothing did. */
  readonly error: string;
}

/** Flow control by the receiver of batches. */
export const FlowControl = {
  /** Go on. */
  FLOW_CONTINUE: 0,
  /** Send less. */
  FLOW_SLOW: 1,
  /** Send no packets. */
  FLOW_PAUSE: 2,
  /** End of a pause; processors also send it when all is well. */
  FLOW_RESUME: 3,
} as const;

/** A number of {@link FlowControl}. */
export type FlowControl = typeof FlowControl[keyof typeof FlowControl];

/** What a watching client wants to see. */
export interface SubscribeRequest {
  /** The hunters to see when has_hunter_filter is true. */
  readonly hunter_ids: readonly string[];
  /** BPF expression that the packets must match; empty for all. */
  readonly bpf_filter: string;
  /** The client's name; one is made up when it is empty. */
  readonly client_id: string;
  /** False: all hunters. True: only those in hunter_ids, so none when that is empty. */
  readonly has_hunter_filter: boolean;
}

/** A call whose legs belong together. */
export interface CorrelatedCallUpdate {
  /** Name of the call as a whole. */
  readonly correlation_id: string;
  /** The two dialog tags, sorted. */
  readonly tag_pair: readonly string[];
  /** Caller. */
  readonly from_user: string;
  /** Callee. */
  readonly to_user: string;
  /** The legs seen so far. */
  readonly legs: readonly CallLegInfo[];
  /** First packet, nanoseconds since 1970. */
  readonly start_time_ns: bigint;
  /** Last packet, nanoseconds since 1970. */
  readonly last_seen_ns: bigint;
  /** State of the call. */
  readonly state: string;
}

/** One leg of a call. */
export interface CallLegInfo {
  /** Call-ID of the leg. */
  readonly call_id: string;
  /** Hunter that saw it. */
  readonly hunter_id: string;
  /** Source address as text. */
  readonly src_ip: string;
  /** Destination address as text. */
  readonly dst_ip: string;
  /** Last method. */
  readonly method: string;
  /** Last status code. */
  readonly response_code: number;
  /** Packets of the leg. */
  readonly packet_count: number;
  /** First packet, nanoseconds since 1970. */
  readonly start_time_ns: bigint;
  /** Last packet, nanoseconds since 1970. */
  readonly last_seen_ns: bigint;
}

/** Secrets of a TLS session (RFC 5246, RFC 8446). */
export interface TLSSessionKeys {
  /** Random of the ClientHello, 32 bytes. */
  readonly client_random: Uint8Array;
  /** Random of the ServerHello, 32 bytes or absent. */
  readonly server_random: Uint8Array;
  /** Version number as on the wire. */
  readonly tls_version: number;
  /** Cipher suite number. */
  readonly cipher_suite: number;
  /** Master secret of TLS 1.2 and earlier, 48 bytes. */
  readonly pre_master_secret: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly client_handshake_traffic_secret: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly server_handshake_traffic_secret: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly client_traffic_secret_0: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly server_traffic_secret_0: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly exporter_secret: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly early_exporter_secret: Uint8Array;
  /** TLS 1.3 secrets, by the names of RFC 8446, section 7.1. */
  readonly client_early_traffic_secret: Uint8Array;
  /** The connection that the session runs on. */
  readonly src_ip: string;
  /** The connection that the session runs on. */
  readonly src_port: number;
  /** The connection that the session runs on. */
  readonly dst_ip: string;
  /** The connection that the session runs on. */
  readonly dst_port: number;
}
