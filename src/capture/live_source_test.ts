import { deepEqual, equal, match } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { libpcapObstacle } from "../../tests/live/libpcap_library.ts";
import { namespaceObstacle, NetworkNamespace } from "../../tests/live/namespace.ts";
import { LiveSource } from "./live_source.ts";

const obstacle = libpcapObstacle() ?? await namespaceObstacle();
if (obstacle !== undefined) console.log(`live capture tests are skipped: ${obstacle}`);

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a scenario in a namespace of its own, through `prefix` (a command and its arguments). */
async function scenario(name: string, argument = "", prefix: string[] = []): Promise<unknown> {
  await using namespace = await NetworkNamespace.create();
  const [command = "", ...args] = [
    ...prefix,
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-ffi",
    "--allow-run=ip",
    `--allow-read=${root}`, // a worker's modules
    `${root}tests/live/capture_scenario.ts`,
    name,
    argument,
  ];
  return JSON.parse(await namespace.run(command, ...args));
}

function liveTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `live capture: ${name}`, ignore: obstacle !== undefined, fn });
}

liveTest("every frame comes once, whole, in order, with its time in nanoseconds", async () => {
  deepEqual(await scenario("count"), {
    magic: 0xa1b23c4d,
    linkType: 1,
    snapLength: 65535,
    brokenBlocks: 0,
    packets: 10_000,
    inOrder: true,
    sizesRight: true,
    timesRight: true,
    nanosecondsUsed: true,
    fractionsRight: true,
    counters: { received: 10_000, dropped: 0, interfaceDropped: 0 },
    endsWithNull: true,
  });
});

liveTest("at the end, nothing more is let in, and what the kernel holds is read", async () => {
  deepEqual(await scenario("finish"), { packets: 5_000, inOrder: true, endsWithNull: true });
});

liveTest("frames are cut to the snap length", async () => {
  deepEqual(await scenario("snapLength"), { packets: 300, snapLength: 96, lengths: ["96/1042"] });
});

for (const interfaceName of ["vb", "any"]) {
  liveTest(`the filter of ${interfaceName} is replaced under load without losing a packet`, async () => {
    const { swaps, ...rest } = await scenario("filter", interfaceName) as { swaps: number };
    equal(swaps > 1, true);
    deepEqual(rest, {
      lost: 0,
      // Port 5353 only, and still so after the bad filter.
      narrowed: Array.from({ length: 20 }, (_, i) => 10 + i),
      bad: "OperatorError: bad filter: udp and and: can't parse filter expression: syntax error",
    });
  });
}

liveTest("DNS is found behind VLAN tags, and other ports are not", async () => {
  deepEqual(await scenario("vlan"), [0, 1, 2, 3]);
});

liveTest("an interface that goes down is waited for", async () => {
  deepEqual(await scenario("downUp"), {
    notices: ["vb went down: waiting for it", "vb is up again"],
    numbers: [1, 2],
    counters: { received: 2, dropped: 0, interfaceDropped: 0 },
  });
});

liveTest(
  "an interface that disappears is opened again, with the latest filter, and counters go on",
  async () => {
    deepEqual(await scenario("vanish"), {
      notices: ["vb: The interface disappeared: trying to open it again every second", "vb is back"],
      bad: "OperatorError: bad filter: udp and and: can't parse filter expression: syntax error",
      numbers: [1, 1, 2],
      counters: { received: 3, dropped: 0, interfaceDropped: 0 },
    });
  },
);

liveTest("an interface that comes back with another link type ends the capture", async () => {
  deepEqual(await scenario("otherKind"), {
    outcome: "OperatorError: vb came back as another kind of interface (RAW): start anew",
  });
});

liveTest("any captures on all interfaces, and leaves promiscuous mode out", async () => {
  deepEqual(await scenario("any"), {
    linkType: 113,
    packets: 2000,
    distinct: 1000,
    notices: ["any: promiscuous mode is not possible on all interfaces at once, and is left out"],
  });
});

liveTest("what cannot be opened is named", async () => {
  deepEqual(await scenario("refused"), {
    noSuchInterface: "OperatorError: no such interface: vx (there are: vb, va, any, lo)",
    badFilter: "OperatorError: bad filter: udp and and: can't parse filter expression: syntax error",
    down: "OperatorError: vb is down: bring it up (ip link set vb up)",
  });
});

liveTest("without the right to capture, the cure is named", async () => {
  const { noSuchInterface } = await scenario("refused", "", [
    "setpriv",
    "--bounding-set=-net_raw",
  ]) as { noSuchInterface: string };
  match(
    noSuchInterface,
    /^OperatorError: vx: no permission to capture: .*setcap cap_net_raw,cap_net_admin\+ep/,
  );
});

liveTest("a process may end with its sources open", async () => {
  deepEqual(await scenario("leftOpen"), { arrived: true });
});

liveTest("opening and closing again and again is safe, also while a wait is under way", async () => {
  const { rounds } = await scenario("soak", "2") as { rounds: number };
  equal(rounds > 2, true);
});

Deno.test({
  name: "live capture without FFI permission names the flag",
  permissions: { ffi: false },
  fn: async () => {
    const source = new LiveSource("lo", {
      snapLength: 65535,
      promiscuous: false,
      timeoutMs: 200,
      bufferSize: 1 << 20,
    });
    const message = await source.open().then(() => "opened", (error) => error.message);
    equal(message, "live capture needs permission: add --allow-ffi to the deno command");
    equal(await source.next(), null);
    source.close();
    source.close();
  },
});
