import "../runtime/environment.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import { filterTypeNames } from "../engine/filter.ts";
import { codecOf, encodedBatch, root } from "./contract.ts";
import type { BatchStats, PacketBatch, StreamControl } from "./data_messages.ts";
import type { HunterHeartbeat, HunterRegistration } from "./management_messages.ts";
import { FilterType } from "./management_messages.ts";
import { encodeBatch, readBatchKey } from "./packet_batch.ts";
import { dataService, managementService } from "./services.ts";

/** Fields of every message in order of their numbers, as `number name type`; `*` is repeated. */
const tables: Record<string, Record<string, string>> = {
  "lippycat.data": {
    PacketBatch: "1 hunter_id string, 2 sequence uint64, 3 timestamp_ns int64, 4 packets *CapturedPacket, " +
      "5 stats BatchStats",
    CapturedPacket:
      "1 data bytes, 2 timestamp_ns int64, 3 capture_length uint32, 4 original_length uint32, " +
      "5 interface_index uint32, 6 link_type uint32, 7 metadata PacketMetadata, 8 interface_name string, " +
      "9 matched_filter_ids *string, 10 tls_keys TLSSessionKeys",
    PacketMetadata:
      "1 protocol string, 2 src_ip string, 3 dst_ip string, 4 src_port uint32, 5 dst_port uint32, " +
      "6 transport string, 7 sip SIPMetadata, 8 rtp RTPMetadata, 9 info string, 10 details map<string,string>, " +
      "11 email EmailMetadata, 12 dns DNSMetadata",
    SIPMetadata:
      "1 method string, 2 call_id string, 3 from_user string, 4 to_user string, 5 response_code uint32, " +
      "6 p_asserted_identity string, 7 from_tag string, 8 to_tag string, 9 from_uri string, 10 to_uri string, " +
      "11 access_network_info AccessNetworkInfo, 12 visited_network_id string, 13 cseq_method string",
    AccessNetworkInfo: "1 access_type string, 2 bssid string, 3 cell_id string, 4 local_ip string, " +
      "5 parameters map<string,string>",
    RTPMetadata: "1 ssrc uint32, 2 payload_type uint32, 3 sequence uint32, 4 timestamp uint32",
    DNSMetadata: "1 transaction_id uint32, 2 is_response bool, 3 opcode string, 4 response_code string, " +
      "5 authoritative bool, 6 truncated bool, 7 recursion_desired bool, 8 recursion_available bool, " +
      "9 authenticated_data bool, 10 checking_disabled bool, 11 question_count uint32, 12 answer_count uint32, " +
      "13 authority_count uint32, 14 additional_count uint32, 15 query_name string, 16 query_type string, " +
      "17 query_class string, 18 answers *DNSAnswer, 19 query_response_time_ms int64, 20 correlated_query bool, " +
      "21 tunneling_score double, 22 entropy_score double",
    DNSAnswer: "1 name string, 2 type string, 3 class string, 4 ttl uint32, 5 data string",
    EmailMetadata: "1 mail_from string, 2 rcpt_to *string, 3 subject string, 4 message_id string, " +
      "5 body_preview string, 6 body_size int32, 7 body_truncated bool",
    BatchStats: "1 total_captured uint64, 2 filtered_matched uint64, 3 dropped uint64, 4 buffer_usage uint32",
    StreamControl: "1 ack_sequence uint64, 2 flow_control FlowControl, 3 error string",
    SubscribeRequest:
      "1 hunter_ids *string, 2 bpf_filter string, 3 client_id string, 4 has_hunter_filter bool",
    CorrelatedCallUpdate:
      "1 correlation_id string, 2 tag_pair *string, 3 from_user string, 4 to_user string, " +
      "5 legs *CallLegInfo, 6 start_time_ns int64, 7 last_seen_ns int64, 8 state string",
    CallLegInfo: "1 call_id string, 2 hunter_id string, 3 src_ip string, 4 dst_ip string, 5 method string, " +
      "6 response_code uint32, 7 packet_count int32, 8 start_time_ns int64, 9 last_seen_ns int64",
    TLSSessionKeys:
      "1 client_random bytes, 2 server_random bytes, 3 tls_version uint32, 4 cipher_suite uint32, " +
      "5 pre_master_secret bytes, 6 client_handshake_traffic_secret bytes, 7 server_handshake_traffic_secret bytes, " +
      "8 client_traffic_secret_0 bytes, 9 server_traffic_secret_0 bytes, 10 exporter_secret bytes, " +
      "11 early_exporter_secret bytes, 12 client_early_traffic_secret bytes, 13 src_ip string, 14 src_port uint32, " +
      "15 dst_ip string, 16 dst_port uint32",
  },
  "lippycat.management": {
    HunterRegistration: "1 hunter_id string, 2 hostname string, 3 interfaces *string, 4 version string, " +
      "5 capabilities HunterCapabilities",
    HunterCapabilities:
      "1 filter_types *string, 2 max_buffer_size uint64, 3 gpu_acceleration bool, 4 af_xdp bool",
    RegistrationResponse: "1 accepted bool, 2 error string, 3 assigned_id string, 4 filters *Filter, " +
      "5 config ProcessorConfig",
    ProcessorConfig: "1 batch_size uint32, 2 batch_timeout_ms uint32, 3 reconnect_interval_sec uint32, " +
      "4 max_reconnect_attempts uint32, 5 processor_id string",
    HunterHeartbeat: "1 hunter_id string, 2 timestamp_ns int64, 3 status HunterStatus, 4 stats HunterStats",
    ProcessorHeartbeat: "1 timestamp_ns int64, 2 status ProcessorStatus, 3 hunters_connected uint32, " +
      "4 processor_id string",
    HunterStats: "1 packets_captured uint64, 2 packets_matched uint64, 3 packets_forwarded uint64, " +
      "4 packets_dropped uint64, 5 buffer_bytes uint64, 6 active_filters uint32, 7 cpu_percent float, " +
      "8 memory_rss_bytes uint64, 9 memory_limit_bytes uint64",
    FilterRequest: "1 hunter_id string",
    FilterResponse: "1 filters *Filter",
    Filter: "1 id string, 2 type FilterType, 3 pattern string, 4 target_hunters *string, 5 enabled bool, " +
      "6 description string",
    FilterUpdate: "1 update_type FilterUpdateType, 2 filter Filter",
    FilterUpdateResult: "1 success bool, 2 error string, 3 hunters_updated uint32",
    FilterDeleteRequest: "1 filter_id string",
    ProcessorRegistration: "1 processor_id string, 2 listen_address string, 3 version string, " +
      "4 upstream_chain *string",
    ProcessorRegistrationResponse: "1 accepted bool, 2 error string, 3 upstream_processor_id string",
    AuthTokenRequest: "1 target_processor_id string",
    AuthorizationToken: "1 signature bytes, 2 issued_at_ns int64, 3 expires_at_ns int64, " +
      "4 target_processor_id string, 5 issuer_id string, 6 processor_chain *string",
    ProcessorFilterRequest: "1 processor_id string, 2 filter Filter, 3 auth_token AuthorizationToken",
    ProcessorFilterDeleteRequest:
      "1 processor_id string, 2 filter_id string, 3 auth_token AuthorizationToken",
    ProcessorFilterQuery: "1 processor_id string, 2 hunter_id string, 3 auth_token AuthorizationToken",
    StatusRequest: "1 hunter_id string",
    StatusResponse: "1 hunters *ConnectedHunter, 2 processor_stats ProcessorStats",
    ConnectedHunter: "1 hunter_id string, 2 hostname string, 3 remote_addr string, 4 status HunterStatus, " +
      "5 connected_duration_sec uint64, 6 last_heartbeat_ns int64, 7 stats HunterStats, 8 filters *Filter, " +
      "9 interfaces *string, 10 capabilities HunterCapabilities",
    ProcessorStats: "1 total_hunters uint32, 2 healthy_hunters uint32, 3 warning_hunters uint32, " +
      "4 error_hunters uint32, 5 total_packets_received uint64, 6 total_packets_forwarded uint64, " +
      "7 total_filters uint32, 8 processor_id string, 9 status ProcessorStatus, 10 upstream_processor string",
    ListHuntersRequest: "",
    ListHuntersResponse: "1 hunters *AvailableHunter",
    AvailableHunter: "1 hunter_id string, 2 hostname string, 3 interfaces *string, 4 status HunterStatus, " +
      "5 remote_addr string, 6 connected_duration_sec uint64, 7 capabilities HunterCapabilities",
    TopologyRequest: "",
    TopologyResponse: "1 processor ProcessorNode",
    ProcessorNode: "1 address string, 2 processor_id string, 3 status ProcessorStatus, " +
      "4 upstream_processor string, 5 hunters *ConnectedHunter, 6 downstream_processors *ProcessorNode, " +
      "7 hierarchy_depth uint32, 8 reachable bool, 9 unreachable_reason string, 10 node_type NodeType, " +
      "11 capture_interfaces *string",
    TopologySubscribeRequest: "1 include_downstream bool, 2 client_id string",
    TopologyUpdate: "1 update_type TopologyUpdateType, 2 timestamp_ns int64, 3 processor_id string, " +
      "4 hunter_connected HunterConnectedEvent, 5 hunter_disconnected HunterDisconnectedEvent, " +
      "6 processor_connected ProcessorConnectedEvent, 7 processor_disconnected ProcessorDisconnectedEvent, " +
      "8 hunter_status_changed HunterStatusChangedEvent",
    HunterConnectedEvent: "1 hunter ConnectedHunter",
    HunterDisconnectedEvent: "1 hunter_id string, 2 reason string",
    ProcessorConnectedEvent: "1 processor ProcessorNode",
    ProcessorDisconnectedEvent: "1 processor_id string, 2 address string, 3 reason string",
    HunterStatusChangedEvent: "1 hunter_id string, 2 old_status HunterStatus, 3 new_status HunterStatus",
  },
};

const enums: Record<string, string> = {
  "lippycat.data.FlowControl": "FLOW_CONTINUE FLOW_SLOW FLOW_PAUSE FLOW_RESUME",
  "lippycat.management.HunterStatus": "STATUS_HEALTHY STATUS_WARNING STATUS_ERROR STATUS_STOPPING",
  "lippycat.management.ProcessorStatus": "PROCESSOR_HEALTHY PROCESSOR_WARNING PROCESSOR_ERROR",
  "lippycat.management.FilterUpdateType": "UPDATE_ADD UPDATE_MODIFY UPDATE_DELETE",
  "lippycat.management.NodeType": "NODE_TYPE_PROCESSOR NODE_TYPE_TAP",
  "lippycat.management.TopologyUpdateType":
    "TOPOLOGY_HUNTER_CONNECTED TOPOLOGY_HUNTER_DISCONNECTED TOPOLOGY_PROCESSOR_CONNECTED " +
    "TOPOLOGY_PROCESSOR_DISCONNECTED TOPOLOGY_HUNTER_STATUS_CHANGED",
  "lippycat.management.FilterType": "FILTER_SIP_USER FILTER_PHONE_NUMBER FILTER_IP_ADDRESS FILTER_CALL_ID " +
    "FILTER_CODEC FILTER_BPF FILTER_SIP_URI FILTER_DNS_DOMAIN FILTER_EMAIL_ADDRESS FILTER_EMAIL_SUBJECT " +
    "FILTER_TLS_SNI FILTER_TLS_JA3 FILTER_TLS_JA3S FILTER_TLS_JA4 FILTER_HTTP_HOST FILTER_HTTP_URL FILTER_IMSI " +
    "FILTER_IMEI",
};

Deno.test("every message has exactly the fields of the contract", () => {
  for (const [namespace, messages] of Object.entries(tables)) {
    const types = (root.lookup(namespace) as protobuf.Namespace).nestedArray
      .filter((item) => item instanceof protobuf.Type);
    assert.deepEqual(types.map((type) => type.name).sort(), Object.keys(messages).sort());
    for (const type of types) {
      const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id).map((field) => {
        const kind = field.map ? `map<string,${field.type}>` : `${field.repeated ? "*" : ""}${field.type}`;
        return `${field.id} ${field.name} ${kind}`;
      });
      assert.equal(fields.join(", "), messages[type.name], `${namespace}.${type.name}`);
    }
  }
});

Deno.test("every enum counts from zero in the order of the contract", () => {
  for (const [name, values] of Object.entries(enums)) {
    const expected = Object.fromEntries(values.split(" ").map((value, number) => [value, number]));
    assert.deepEqual({ ...root.lookupEnum(name).values }, expected, name);
  }
});

Deno.test("filter type names and numbers agree", () => {
  const names = Object.entries(FilterType).sort(([, a], [, b]) => a - b)
    .map(([name]) => name.replace("FILTER_", "").toLowerCase());
  assert.deepEqual(names, [...filterTypeNames]);
});

Deno.test("method paths and kinds", () => {
  const kinds: Record<string, string> = {
    StreamPackets: "both",
    SubscribePackets: "response",
    SubscribeCorrelatedCalls: "response",
    Heartbeat: "both",
    SubscribeFilters: "response",
    SubscribeTopology: "response",
  };
  const services = [
    ["/lippycat.data.DataService/", dataService, 3],
    ["/lippycat.management.ManagementService/", managementService, 15],
  ] as const;
  for (const [prefix, methods, count] of services) {
    assert.equal(Object.keys(methods).length, count);
    for (const [name, method] of Object.entries(methods)) {
      const kind = method.requestStream ? "both" : method.responseStream ? "response" : undefined;
      assert.equal(method.path, prefix + name);
      assert.equal(kind, kinds[name], name);
    }
  }
});

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const plain = { noNullPrototype: true };
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.nat(0xffff_ffff);
const text = fc.string({ unit: "binary" });

Deno.test("messages survive the wire, 64-bit integers exactly", () => {
  const heartbeat = codecOf<HunterHeartbeat>("lippycat.management.HunterHeartbeat");
  const stats = fc.record({
    packets_captured: uint64,
    packets_matched: uint64,
    packets_forwarded: uint64,
    packets_dropped: uint64,
    buffer_bytes: uint64,
    active_filters: uint32,
    cpu_percent: fc.float({ noNaN: true }),
    memory_rss_bytes: uint64,
    memory_limit_bytes: uint64,
  }, plain);
  fc.assert(fc.property(
    fc.record({
      hunter_id: text,
      timestamp_ns: int64,
      status: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
      stats: fc.option(stats),
    }, plain),
    (message) => assert.deepEqual(heartbeat.decode(heartbeat.encode(message)), message),
  ));
  const registration = codecOf<HunterRegistration>("lippycat.management.HunterRegistration");
  fc.assert(fc.property(
    fc.record({
      hunter_id: text,
      hostname: text,
      interfaces: fc.array(text),
      version: text,
      capabilities: fc.option(fc.record({
        filter_types: fc.array(text),
        max_buffer_size: uint64,
        gpu_acceleration: fc.boolean(),
        af_xdp: fc.boolean(),
      }, plain)),
    }, plain),
    (message) => assert.deepEqual(registration.decode(registration.encode(message)), message),
  ));
});

Deno.test("strings that are no Unicode become valid UTF-8", () => {
  const control = codecOf<StreamControl>("lippycat.data.StreamControl");
  const bytes = control.encode({ ack_sequence: 0n, flow_control: 0, error: "a\ud800b" });
  assert.equal(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(2)), "a\ufffdb");
});

Deno.test("what is no message is refused, and unknown numbers and fields are not", () => {
  const control = codecOf<StreamControl>("lippycat.data.StreamControl");
  assert.throws(() => control.decode(Uint8Array.of(0x1a, 0xff)));
  assert.deepEqual(control.decode(Uint8Array.of(0x10, 99, 0xf8, 0x01, 7)), {
    ack_sequence: 0n,
    flow_control: 99,
    error: "",
  });
});

Deno.test("a batch is a header and pieces, read back as one message", () => {
  const packetBatch = codecOf<PacketBatch>("lippycat.data.PacketBatch");
  const stats: BatchStats = {
    total_captured: 2n ** 60n,
    filtered_matched: 3n,
    dropped: 1n,
    buffer_usage: 50,
  };
  const packet = (data: number) => ({
    data: Uint8Array.of(data),
    timestamp_ns: 1_700_000_000_123_456_789n,
    capture_length: 1,
    original_length: 1,
    interface_index: 0,
    link_type: 1,
    metadata: null,
    interface_name: "eth0",
    matched_filter_ids: [],
    tls_keys: null,
  });
  const empty = { hunter_id: "", sequence: 0n, timestamp_ns: 0n, stats: null };
  const piece = (...data: number[]) => ({
    bytes: packetBatch.encode({ ...empty, packets: data.map(packet) }),
    packets: data.length,
  });
  fc.assert(fc.property(text, uint64, int64, (hunterId, sequence, timestampNs) => {
    const batch = encodeBatch({ hunterId, sequence, timestampNs, stats }, [piece(1, 2), piece(), piece(3)]);
    const decoded = packetBatch.decode(batch);
    assert.deepEqual(decoded.packets.map((each) => each.data[0]), [1, 2, 3]);
    assert.equal(decoded.packets[2]?.timestamp_ns, 1_700_000_000_123_456_789n);
    assert.deepEqual({ ...decoded, packets: [] }, {
      hunter_id: hunterId,
      sequence,
      timestamp_ns: timestampNs,
      packets: [],
      stats,
    });
    assert.deepEqual(readBatchKey(batch), { hunterId, sequence });
  }));
});

Deno.test("reading a batch's key never fails otherwise than by throwing", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try {
      assert.equal(typeof readBatchKey(bytes).sequence, "bigint");
    } catch (error) {
      assert.ok(error instanceof Error && error.name !== "AssertionError");
    }
  }));
});

Deno.test("encoded batches pass through without a copy", () => {
  const memory = new Uint8Array(32);
  const view = memory.subarray(8, 24);
  const out = encodedBatch.encode(view);
  assert.equal(out.buffer, memory.buffer);
  assert.deepEqual([out.byteOffset, out.length], [8, 16]);
  assert.equal(encodedBatch.decode(view), view);
});
