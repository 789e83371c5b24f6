import assert from "node:assert/strict";
import { libpcapObstacle } from "../../../tests/live/libpcap_library.ts";
import type { Filter } from "../../engine/filter.ts";
import { configureLog } from "../../telemetry/log.ts";
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

function refusal(number: number) {
  const filter: Filter = {
    id: `f${number}`,
    type: "sip_user",
    pattern: "x",
    targetHunters: [],
    enabled: true,
    description: "",
  };
  return { filter, reason: "no room", standIn: undefined };
}

Deno.test("refused filters are named once each, and only the first of many", async () => {
  const control = await controlOf("sniff -i eth0");
  control.setFilters([]);
  const lines: string[] = [];
  configureLog({ json: false, write: (line) => lines.push(line), variable: () => undefined });
  try {
    const tell = (refused: ReturnType<typeof refusal>[]) => {
      lines.length = 0;
      control.tell({ version: 0, active: 0, refused });
      return lines.length;
    };
    assert.equal(tell([refusal(0)]), 1);
    assert.match(lines[0] ?? "", /filter f0 \(sip_user "x"\) is refused: no room$/m);
    assert.equal(tell([refusal(0), refusal(1)]), 1);
    assert.equal(tell(Array.from({ length: 100_000 }, (_, number) => refusal(number))), 21);
    assert.match(lines.at(-1) ?? "", /99978 more filters are refused/);
  } finally {
    configureLog({ json: false, write: () => {}, variable: () => undefined });
  }
});
