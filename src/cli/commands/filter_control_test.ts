import assert from "node:assert/strict";
import { libpcapObstacle } from "../../../tests/live/libpcap_library.ts";
import { parseCommandLine } from "../program.ts";
import { FilterControl } from "./filter_control.ts";

const obstacle = libpcapObstacle();
if (obstacle !== undefined) console.log(`tests that compile BPF are skipped: ${obstacle}`);

async function controlOf(line: string): Promise<FilterControl> {
  const invocation = await parseCommandLine(line.split(" "), { stdoutIsTerminal: false }, () => undefined);
  assert.ok(invocation.kind === "run");
  return new FilterControl(invocation.settings, "allow", "not port 55555");
}

const sip = "(port 5080) or udp portrange 10000-32768";

const cases: readonly [
  line: string,
  mode: string,
  hasPortless: boolean,
  fragments: boolean,
  exclusion: string,
][] = [
  ["sniff voip -i eth0", "", false, false, "not port 55555"],
  ["sniff voip -i eth0 -S 5080", sip, true, false, "not port 55555"],
  // A file is narrowed as a live capture is; it has none of the node's own traffic.
  ["sniff voip -r a.pcap -S 5080", sip, true, false, ""],
  ["sniff voip -r a.pcap", "", false, false, ""],
  ["sniff voip -r a.pcap --esp-null", "", true, false, ""],
  ["sniff voip -i eth0 --udp-only", "udp", true, false, "not port 55555"],
  ["sniff voip -r a.pcap --udp-only", "", false, false, ""],
  ["sniff voip -r a.pcap -U -S 5080", "udp and (port 5080) or udp portrange 10000-32768", true, false, ""],
  ["sniff dns -r a.pcap --udp-only", "", false, false, ""],
  ["sniff dns -i eth0 --udp-only", "udp and (port 53)", false, true, "not port 55555"],
  ["sniff -i eth0", "", false, false, "not port 55555"],
];

for (const [line, mode, hasPortless, fragments, exclusion] of cases) {
  Deno.test({
    name: `capture filters: ${line}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      const { kernel } = (await controlOf(line)).capture;
      const { portless = "", ...others } = kernel;
      assert.deepEqual(others, { mode, base: "", fragments, exclusion });
      assert.equal(portless !== "", hasPortless);
    },
  });
}

Deno.test("capture filters: users of the operator's own are a condition, as domains are", async () => {
  const { localSipUsers, localDomains } = (await controlOf("sniff voip -i eth0 -u alice,*99")).capture;
  assert.deepEqual([localSipUsers, localDomains], [["alice", "*99"], []]);
});

Deno.test({
  name: "capture filters: ports on a capture file without FFI permission name the flags",
  permissions: { ffi: false },
  fn: () =>
    assert.rejects(controlOf("sniff voip -r a.pcap -S 5080"), {
      message: "--sip-port, --rtp-port-range or --udp-only on a capture file needs permission: " +
        "add --allow-ffi to the deno command",
    }),
});
