/** The engine's tables of the wire contract, and what it makes of batches that it receives. */
import assert from "node:assert/strict";
import type protobuf from "protobufjs";
import { filterTypeNames } from "../src/engine/filter.ts";
import { root } from "../src/proto/contract.ts";
import { OperatorError } from "../src/runtime/operator_error.ts";
import { concat, engine, packetsOf, randomNumbers } from "./engine_run.ts";
import { hex, query, readRecords, udpFrame } from "./frames.ts";
import {
  assertShown,
  batchType,
  decode,
  type Decoded,
  fieldsOf,
  flattened,
  packetType,
} from "./wire_messages.ts";

const everything = ["wire", "json", "text", "pcap"] as const;

/** Field kinds of the engine's tables, by the types of the contract. */
const kinds: Readonly<Record<string, string>> = {
  uint32: "Unsigned",
  uint64: "Unsigned",
  int32: "Signed",
  int64: "Signed",
  bool: "Bool",
  double: "Double",
  string: "Text",
};

Deno.test("the engine's field tables are those of the contract", () => {
  const source = Deno.readTextFileSync(new URL("../wasm/src/wire/schema.rs", import.meta.url));
  const tables = [...source.matchAll(/^ {4}(\w+) \{\n(.*?)^ {4}\}/gms)].map(([, name = "", body = ""]) => {
    const lines = body.split("\n").filter((line) => line.trim() !== "");
    const fields = lines.map((line) => {
      const [, make, number, field, kind] =
        /^ {8}[A-Z_]+: (\w+)\((\d+), "(\w+)", Kind::(\w+(?:\(\w+::ALL\))?)\),$/.exec(line) ??
          assert.fail(`not understood: ${line}`);
      return { number: Number(number), field, kind, repeated: make === "many" || make === "list" };
    });
    return [name, fields] as const;
  });
  assert.deepEqual(
    tables.map(([name]) => name),
    ["captured_packet", "packet_metadata", "sip_metadata", "access_network_info"].concat(
      ["rtp_metadata", "email_metadata", "dns_metadata", "dns_answer"],
    ),
  );
  const snake = (name: string) =>
    name.replace(/([a-z])([A-Z])|([A-Z])([A-Z][a-z])/g, "$1$3_$2$4").toLowerCase();
  const types = (root.lookup("lippycat.data") as protobuf.Namespace).nestedArray as protobuf.Type[];
  for (const [name, fields] of tables) {
    const type = types.find((candidate) => snake(candidate.name) === name);
    assert.ok(type !== undefined, name);
    const expected = type.fieldsArray.map((field) => ({
      number: field.id,
      field: field.name,
      kind: field.map
        ? "Map"
        : ["data", "tls_keys"].includes(field.name) && type === packetType
        ? "Hidden"
        : field.name === "metadata"
        ? "Inline(packet_metadata::ALL)"
        : kinds[field.type] ?? `Message(${snake(field.type)}::ALL)`,
      repeated: field.repeated || field.map,
    }));
    assert.deepEqual(fields, expected.sort((a, b) => a.number - b.number), name);
  }
});

Deno.test("filter types have the numbers of the contract", () => {
  const values = root.lookupEnum("lippycat.management.FilterType").values;
  const expected = Object.entries(values).sort(([, a], [, b]) => a - b).map(([name]) =>
    name.replace(/^FILTER_/, "").toLowerCase()
  );
  assert.deepEqual([...filterTypeNames], expected);
});

/** A message with all of its fields set, to something else than the default. */
function full(type: protobuf.Type, text: string): Decoded {
  return Object.fromEntries(type.fieldsArray.map((field) => {
    const inner = field.resolve().resolvedType;
    const scalar = {
      string: `${text} ${field.name}`,
      bytes: Uint8Array.of(1, 2, 3),
      bool: true,
      double: 0.1 + field.id,
      int32: -field.id,
      uint32: 4_000_000_000 + field.id,
      int64: String(-(2n ** 60n) - BigInt(field.id)),
      uint64: String(2n ** 63n + BigInt(field.id)),
    }[field.type];
    const value = inner !== null && "fieldsById" in inner ? full(inner, text) : scalar;
    return [
      field.name,
      field.map ? { [`${text} key`]: value, "": value } : field.repeated ? [value, value] : value,
    ];
  }));
}

Deno.test("a received packet is shown whole: all fields, in any order, of any sender", () => {
  for (const text of ["plain", 'quote " backslash \\ control \u0007\u009b newline \n', "\u{1f600} grün"]) {
    const packet = full(packetType, text);
    const encoded = Uint8Array.from(packetType.encode(packetType.fromObject(packet)).finish());
    const expected = decode(packetType, encoded);
    const fields = [...fieldsOf(encoded)].map((field) => field.whole);
    const random = randomNumbers(text.length);
    const shuffled = fields.map((field) => [random(1 << 30), field] as const)
      .sort(([a], [b]) => a - b).map(([, field]) => field);
    const unknown = [hex("f8ff0105"), hex("fa0703616263"), hex("a50600000000")];
    // Stale scalars come first, and lose.
    const stale = [packetType.encode({ timestamp_ns: 5, link_type: 9, interface_name: "stale" }).finish()];
    for (const order of [fields, shuffled, [...unknown, ...fields, ...unknown], [...stale, ...fields]]) {
      const batch = batchType.encode({ hunter_id: text, packets: [] }).finish();
      const body = concat(order);
      const element = concat([[0x22], varintOf(body.length), body]);
      const receiver = engine({ outputs: ["json", "wire", "text", "pcap"] });
      assert.equal(receiver.processBatch(concat([batch, element])).packets, 1);
      const chunk = receiver.take();
      const json = packetsOf(new TextDecoder("utf-8", { fatal: true }).decode(chunk.json));
      assert.equal(json[0]?.hunter_id, text);
      const { timestamp: _time, hunter_id: _sender, ...shown } = json[0] ?? {};
      // Repeated fields come in the order in which they are sent, and here their elements are alike.
      assertShown(shown, flattened(expected), "packet");
      // On its way to further receivers nothing is lost.
      assert.deepEqual(chunk.wire?.map((piece) => decode(batchType, piece.bytes)), [{
        packets: [expected],
      }]);
      assert.deepEqual(readRecords(chunk.pcap ?? new Uint8Array(), 0).length, 1);
      assert.match(new TextDecoder("utf-8", { fatal: true }).decode(chunk.text), /^\P{Cc}+\n$/u);
    }
  }
});

function varintOf(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varintOf(Math.floor(value / 128))];
}

Deno.test("a packet that its sender did not analyse is analysed on arrival", () => {
  const frame = udpFrame(query(7, "www.example.com", 28));
  const bare = { data: frame, timestamp_ns: 1_700_000_000_000_000_000n.toString(), link_type: 1 };
  const batch = batchType.encode(batchType.fromObject({ hunter_id: "go", packets: [bare] })).finish();
  const receiver = engine();
  receiver.processBatch(batch);
  const [packet] = packetsOf(new TextDecoder().decode(receiver.take().json));
  assert.equal(packet?.protocol, "DNS");
  assert.equal(packet?.info, "AAAA www.example.com?");
  assert.equal((packet?.dns as Decoded).query_name, "www.example.com");
});

Deno.test("what is no batch is refused, and changes nothing", () => {
  for (const bytes of [hex("ff"), hex("0a05"), hex("2280808080808080808080"), hex("00"), hex("0b")]) {
    const receiver = engine({ outputs: everything });
    assert.throws(() => receiver.processBatch(bytes), OperatorError);
    const { packets, ...outputs } = receiver.take();
    assert.deepEqual([packets, outputs], [0, { bytes: 0 }]);
    assert.equal(receiver.counters().packets, 0);
  }
  const receiver = engine({ outputs: everything });
  assert.equal(receiver.processBatch(new Uint8Array()).packets, 0, "an empty batch is a valid probe");
  assert.equal(receiver.processBatch(hex("2201ff 2200")).packets, 2);
  assert.deepEqual([receiver.counters().bad_batch_packets, receiver.counters().kept], [1, 1]);
});
