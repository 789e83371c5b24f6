/** The run of `soak.ts`, in its namespace: interfaces `va` and `vb`, and loopback. */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { usageOf } from "../../bench/usage.ts";
import type { Summary } from "../../src/cli/summary.ts";
import { Link } from "../control_plane/loopback.ts";
import { type Child, Folder, pause } from "../end_to_end/program.ts";
import { Feeder } from "./feeder.ts";
import { growthOf, type Sample, WARM_UP } from "./memory_growth.ts";
import { packetSockets, startHunt, startProcess } from "./hunt_and_process.ts";
import { Random } from "./random.ts";

const PORT = 55_555;
/** Between two looks, ms. */
const LOOK_MS = 1_000;
/** Lines of the table. */
const LINES = 30;
/** Memory may grow so fast, MiB per minute... */
const BOUND_PER_MINUTE = 1;
/** ...or by so much in a run that is too short to tell growth from noise, MiB. */
const NOISE = 24;
/** No process may hold more: the bounds of what a hunter keeps in memory, and what V8 makes of them. */
const CEILING = 1_024;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "10000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const minutes = Number(values.minutes);

async function breakProcessor(
  processor: Child,
  link: Link,
  random: Random,
  until: () => boolean,
): Promise<number> {
  let outages = 0;
  for (;;) {
    for (let rest = random.between(2_000, 20_000); rest > 0; rest -= 500) {
      if (until()) return outages;
      await pause(500);
    }
    outages++;
    const lasts = random.between(100, 4_000);
    if (random.between(0, 1) === 0) {
      processor.signal("SIGSTOP");
      await pause(lasts);
      processor.signal("SIGCONT");
    } else {
      link.cut(true);
      await pause(lasts);
      link.mend();
    }
  }
}

/** The last line of standard error. */
async function summaryOf<T>(program: Child): Promise<T> {
  const { code, stderr } = await program.interrupt();
  assert.equal(code, 0, stderr);
  return JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "") as T;
}

async function main(): Promise<boolean> {
  console.log(`soak: ${minutes} minutes, ${values.rate} packets/s, seed ${values.seed}`);
  using folder = new Folder();
  await using processor = startProcess(PORT, []);
  await processor.said(/listening on/);
  const link = new Link(PORT);
  await using hunter = startHunt(`127.0.0.1:${link.port}`, folder.file("spool"), [
    "--shutdown-timeout",
    "180s",
  ]);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      for (const program of [hunter, processor]) program.signal("SIGKILL");
      folder[Symbol.dispose]();
      Deno.exit(130);
    });
  }
  await packetSockets(1, hunter);
  const feeder = new Feeder("va", Number(values.rate));
  const start = performance.now();
  const minute = () => (performance.now() - start) / 60_000;
  const programs = { hunter, processor };
  const samples: Record<keyof typeof programs, Sample[]> = { hunter: [], processor: [] };
  const outages = breakProcessor(processor, link, new Random(Number(values.seed)), () => minute() >= minutes);
  console.log("  minute   packets sent   hunter MiB   processor MiB");
  for (let line = 0; minute() < minutes;) {
    await pause(LOOK_MS);
    for (const name of ["hunter", "processor"] as const) {
      const usage = usageOf(programs[name].pid);
      assert.ok(usage && programs[name].running, `the ${name} has ended:\n${programs[name].stderr}`);
      samples[name].push({ minute: minute(), mebibytes: usage.rssBytes / 2 ** 20 });
    }
    if (minute() < line * minutes / LINES) continue;
    line++;
    const now = (name: keyof typeof programs) => (samples[name].at(-1)?.mebibytes ?? 0).toFixed(1);
    console.log(
      minute().toFixed(1).padStart(8) + String(feeder.sent).padStart(15) + now("hunter").padStart(13) +
        now("processor").padStart(16),
    );
  }
  const broken = await outages;
  const sent = await feeder.end();
  await pause(1_000);
  const hunted = await summaryOf<Summary>(hunter);
  const taken = await summaryOf<{ packets: number; repeats: number }>(processor);
  await link.close();
  const lost = sent - taken.packets;
  const bound = Math.max(BOUND_PER_MINUTE, NOISE / (minutes * (1 - WARM_UP)));
  const flat = (["hunter", "processor"] as const).map((name) => {
    const growth = growthOf(samples[name]);
    const highest = Math.max(...samples[name].map(({ mebibytes }) => mebibytes));
    console.log(
      `${name}: grows by ${growth.toFixed(2)} MiB per minute (bound ${bound.toFixed(2)}), ` +
        `highest ${highest.toFixed(0)} MiB (bound ${CEILING})`,
    );
    return growth < bound && highest < CEILING;
  });
  console.log(`lost on the way, by the hunter's own count: ${JSON.stringify(lossesIn(hunted))}`);
  console.log(
    `soak: ${minutes} minutes, ${broken} outages, ${sent} packets sent, ${taken.packets} arrived, ${lost} lost, ` +
      `${taken.repeats} batches repeated`,
  );
  return lost === 0 && !flat.includes(false);
}

function lossesIn({ drops }: Summary): Record<string, number> {
  return Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0));
}

Deno.exit(await main() ? 0 : 1);
