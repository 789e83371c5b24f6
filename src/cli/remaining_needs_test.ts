import assert from "node:assert/strict";
import type { RemainingNeeds } from "../runtime/permission_release.ts";
import { parseCommandLine } from "./program.ts";
import { remainingNeeds, usedPaths } from "./remaining_needs.ts";

async function settingsOf(line: string) {
  const invocation = await parseCommandLine(line.split(" "), { stdoutIsTerminal: false }, () => undefined);
  assert.ok(invocation.kind === "run");
  return invocation.settings;
}

const none: RemainingNeeds = { read: [], write: [], net: false, ffi: false };

const cases: readonly [line: string, reread: readonly string[], expected: Partial<RemainingNeeds>][] = [
  ["sniff -r a.pcap", [], {}],
  ["sniff -r a.pcap -w b.pcap", [], {}],
  ["sniff -r a.pcap", ["c.yaml", "names"], { read: ["c.yaml", "names"] }],
  ["sniff -i eth0 -w b.pcap", [], { ffi: true }],
  ["hunt dns", [], { ffi: true }],
  ["hunt dns -r a.pcap", [], {}],
  ["hunt -i eth0 -P p:1 --insecure", [], { ffi: true, net: true }],
  ["hunt -r a.pcap -P p:1 --insecure", ["c.yaml"], { ffi: true, net: true, read: ["c.yaml"] }],
  ["hunt -P p:1 --insecure --tls-ca ca.pem", [], { ffi: true, net: true }],
  [
    "hunt -P p:1 --tls-ca ca.pem --tls-cert own.pem --tls-key key.pem --api-key-file k",
    [],
    { ffi: true, net: true, read: ["own.pem", "key.pem", "ca.pem", "k"] },
  ],
  [
    "hunt -P p:1 --insecure --disk-buffer --disk-buffer-dir /spool",
    [],
    { ffi: true, net: true, read: ["/spool"], write: ["/spool"] },
  ],
  ["hunt --disk-buffer --disk-buffer-dir /spool", [], { ffi: true }],
  ["tap --insecure", [], { ffi: true }],
  ["sniff voip -r a.pcap -w calls/", [], { read: ["calls/"], write: ["calls/"] }],
  [
    "tap -r a.pcap --insecure --filter-file f.yaml",
    [],
    { ffi: true, read: ["f.yaml"], write: ["f.yaml"] },
  ],
  ["process --insecure", [], {}],
  [
    "tap --tls-cert own.pem --tls-key key.pem --api-key-auth --api-keys-file keys.yaml",
    [],
    { ffi: true, read: ["own.pem", "key.pem", "keys.yaml"] },
  ],
  [
    "process --tls-cert own.pem --tls-key key.pem -f f.yaml -w out.pcap",
    ["c.yaml"],
    { read: ["c.yaml", "own.pem", "key.pem", "f.yaml"], write: ["f.yaml"] },
  ],
];

for (const [line, reread, expected] of cases) {
  Deno.test(`remaining needs: ${line}${reread.length > 0 ? `, with ${reread}` : ""}`, async () => {
    assert.deepEqual(remainingNeeds(await settingsOf(line), reread), { ...none, ...expected });
  });
}

Deno.test("used paths: files that were read and written, and no standard streams", async () => {
  assert.deepEqual(usedPaths(await settingsOf("sniff -r a.pcap -r - -w b.pcap")), {
    read: ["a.pcap"],
    write: ["b.pcap"],
  });
  assert.deepEqual(usedPaths(await settingsOf("sniff -w -")), { read: [], write: [] });
});
