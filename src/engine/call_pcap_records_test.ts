import assert from "node:assert/strict";
import fc from "fast-check";
import { type CallPcapEntry, callPcapOutput } from "../../tests/call_pcap_output.ts";
import { readCallPcapRecords } from "./call_pcap_records.ts";

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const entry: fc.Arbitrary<CallPcapEntry> = fc.record({
  call: u32,
  isLast: fc.boolean(),
  records: fc.uint8Array({ maxLength: 50 }),
  beginning: fc.option(
    fc.record({
      callId: fc.string(),
      timeNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      linkType: u32,
    }, { noNullPrototype: true }),
    { nil: undefined },
  ),
}, { noNullPrototype: true });

Deno.test("records of calls: what was written is read", () =>
  fc.assert(fc.property(fc.array(entry), (entries) => {
    // Also somewhere inside of a larger buffer.
    const bytes = Uint8Array.from([9, 9, 9, ...callPcapOutput(...entries)]).subarray(3);
    assert.deepEqual(
      [...readCallPcapRecords(bytes)],
      entries.map((one) => ({ ...one, isLast: one.isLast === true })),
    );
  })));

Deno.test("records of calls: a Call-ID that is no UTF-8 is read as far as it makes sense", () => {
  const beginning = { callId: Uint8Array.of(0x61, 0xff, 0x62), timeNs: 1n };
  const [read] = readCallPcapRecords(callPcapOutput({ call: 1, beginning }));
  assert.equal(read?.beginning?.callId, "a\ufffdb");
});

Deno.test("records of calls: what is cut short is an error, wherever it is cut", () => {
  const whole = callPcapOutput({
    call: 1,
    beginning: { callId: "abc", timeNs: 5n },
    records: new Uint8Array(10),
  });
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => [...readCallPcapRecords(whole.subarray(0, length))], RangeError, `${length} bytes`);
  }
});
