/** What holds of VoIP mode for every capture with calls: however the input is cut, damaged, and filtered. */
import assert from "node:assert/strict";
import { fixture, packetsOf, randomNumbers, run, type RunOptions, sharedFile } from "./engine_run.ts";
import { assertAccounted } from "./layers_run.ts";

const fixtures = ["voip-udp.pcap", "voip-tcp.pcap", "voip-ipv6.pcap"];
// deno-fmt-ignore
const shared = [
  "sip-udp-registrations.pcap", "sip-rtp-t38-fax.pcap", "sip-ipv6-fragments.pcap", "sip-tcp-register.pcap",
  "rtp-streams.pcapng", "malformed-fuzzed-mix.pcap", "stun-ice-call.pcap",
];
const captures = [
  ...fixtures.map((name) => [name, () => fixture(name)] as const),
  ...shared.map((name) => [name, () => sharedFile(name)] as const),
];
const outputs = ["wire", "json", "text", "pcap", "calls"] as const;

/** Filters that match some of the fixtures' calls, all of them, and none; and no filters. */
function settings(pattern: string | undefined): RunOptions {
  const filter = { id: "f", type: "sip_user", targetHunters: [], enabled: true, description: "" } as const;
  const filters = pattern === undefined ? [] : [{ ...filter, pattern }];
  const noFilterPolicy = pattern === undefined ? "allow" : "deny";
  return { protocol: "voip", outputs, batchPackets: 7, filters: { filters, noFilterPolicy } };
}

for (const [name, bytes] of captures) {
  Deno.test(`${name}: calls do not depend on where the input is cut`, () => {
    const capture = bytes();
    if (capture === undefined) return console.log(`skipped: ${name} is absent`);
    for (const pattern of [undefined, "carol", "*", "nobody"]) {
      const options = settings(pattern);
      const whole = run(capture, options);
      assertAccounted(whole.counters);
      if (pattern === "nobody") assert.equal(whole.counters.kept, 0);
      for (const most of [50, 5_000]) {
        const random = randomNumbers(most);
        const cut = run(capture, { ...options, blockSize: () => random(most) + 1 });
        assert.equal(cut.json, whole.json);
        assert.equal(cut.text, whole.text);
        assert.equal(cut.calls, whole.calls);
        assert.deepEqual(cut.wire, whole.wire);
        assert.deepEqual(cut.pcap, whole.pcap);
        assert.deepEqual(cut.counters, whole.counters);
        assert.deepEqual(cut.traffic, whole.traffic);
      }
    }
  });

  Deno.test(`${name}: what goes out does not depend on whether calls are reported`, () => {
    const capture = bytes();
    if (capture === undefined) return console.log(`skipped: ${name} is absent`);
    for (const pattern of [undefined, "carol", "*", "nobody"]) {
      const options = settings(pattern);
      const reported = run(capture, options);
      const unreported = run(capture, {
        ...options,
        outputs: outputs.filter((output) => output !== "calls"),
      });
      assert.equal(unreported.calls, "");
      assert.equal(unreported.json, reported.json);
      assert.equal(unreported.text, reported.text);
      assert.deepEqual(unreported.wire, reported.wire);
      assert.deepEqual(unreported.pcap, reported.pcap);
      assert.deepEqual(unreported.counters, reported.counters);
      assert.deepEqual(unreported.traffic, reported.traffic);
    }
  });

  Deno.test(`${name}: calls with flipped bits`, () => {
    const capture = bytes();
    if (capture === undefined) return console.log(`skipped: ${name} is absent`);
    const random = randomNumbers(capture.length);
    for (let round = 0; round < 30; round++) {
      const damaged = capture.slice();
      for (let flips = 1 << random(12); flips > 0; flips--) {
        // Behind the file's header.
        const at = 24 + random(damaged.length - 24);
        damaged[at] = (damaged[at] ?? 0) ^ 1 << random(8);
      }
      const { counters, json, packets } = run(damaged, settings(round % 2 === 0 ? undefined : "a"));
      assertAccounted(counters);
      assert.equal(packetsOf(json).length, packets);
    }
  });
}
