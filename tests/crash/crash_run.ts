/**
 * The run of `crash.ts`, in its namespace: interfaces `va` and `vb`, and loopback.
 *
 * What counts as accepted: every packet that stood in the disk buffer when the hunter was killed, that arrived, or that
 * was captured between two such packets by one and the same hunter. All of these have to be in the processors' capture
 * files in the end. Not accepted is only what a killed hunter had not written down yet, and what was sent while none
 * ran.
 */
import { parseArgs } from "node:util";
import type { Summary } from "../../src/cli/summary.ts";
import { Link } from "../control_plane/loopback.ts";
import { type Child, Folder, pause } from "../end_to_end/program.ts";
import { Feeder } from "./feeder.ts";
import { packetSockets, startHunt, startProcess } from "./hunt_and_process.ts";
import { numbersIn } from "./numbered_frames.ts";
import { Random } from "./random.ts";
import { numbersInSpool } from "./spool_content.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    outages: { type: "string", default: "20" },
    rate: { type: "string", default: "8000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [kills, outages, rate, seed] = [values.kills, values.outages, values.rate, values.seed].map(Number) as [
  number,
  number,
  number,
  number,
];

/** How long all that is kept may take to arrive once nothing is broken any more. */
const DRAIN = "180s";
const PORT = 55_555;

const began = performance.now();
function say(line: string): void {
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
}

/** The processor, through all its lives: each writes a capture file of its own. */
class Processors {
  readonly #folder: Folder;
  readonly files: string[] = [];
  #process: Child | undefined;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    const file = this.#folder.file(`processor-${this.files.length}.pcap`);
    this.files.push(file);
    this.#process = startProcess(PORT, ["-w", file]);
    await this.#process.said(/listening on/);
  }

  signal(signal: Deno.Signal): void {
    this.#process?.signal(signal);
  }

  async end(signal: Deno.Signal): Promise<void> {
    this.signal(signal);
    await this.#process?.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }
}

/** One life of the hunter. */
interface Life {
  /** Number of the first frame that was sent while it surely captured; undefined when it did not get that far. */
  first: number | undefined;
  /** Frames sent when it had ended. */
  end: number;
  /** What the disk buffer held when it had ended. */
  kept: Set<number>;
}

/** The hunter, through all its lives, on the same disk buffer. */
class Hunters {
  readonly #spool: string;
  readonly #address: string;
  readonly #feeder: Feeder;
  readonly lives: Life[] = [];
  #process: Child | undefined;

  constructor(spool: string, address: string, feeder: Feeder) {
    this.#spool = spool;
    this.#address = address;
    this.#feeder = feeder;
  }

  /** Starts a life. */
  start(): void {
    const process = startHunt(this.#address, this.#spool, ["--shutdown-timeout", DRAIN]);
    this.#process = process;
    const life: Life = { first: undefined, end: 0, kept: new Set() };
    this.lives.push(life);
    void this.#noticeCapture(process, life);
  }

  /** Resolves when the hunter captures. */
  async capturing(): Promise<void> {
    while (this.lives.at(-1)?.first === undefined && this.#process?.running) await pause(20);
  }

  signal(signal: Deno.Signal): void {
    this.#process?.signal(signal);
  }

  async kill(): Promise<number> {
    this.signal("SIGKILL");
    await this.#process?.ended();
    return this.#conclude();
  }

  /** Ends it as an operator does; what it says then. */
  async finish(): Promise<string> {
    this.signal("SIGINT");
    const outcome = await this.#process?.ended();
    this.#conclude();
    if (outcome?.code !== 0) throw new Error(`the hunter ended with ${outcome?.code}:\n${outcome?.stderr}`);
    return outcome.stderr;
  }

  #conclude(): number {
    const life = this.lives.at(-1) as Life;
    life.end = this.#feeder.sent;
    life.kept = numbersInSpool(this.#spool);
    return life.kept.size;
  }

  async #noticeCapture(process: Child, life: Life): Promise<void> {
    // One socket is the feeder's.
    await packetSockets(2, process);
    if (process.running) life.first = this.#feeder.sent + 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }
}

async function main(): Promise<boolean> {
  say(`seed ${seed}: ${kills} kills, ${outages} outages, ${rate} packets/s`);
  const random = new Random(seed);
  using folder = new Folder();
  const spool = folder.file("spool");
  await using processors = new Processors(folder);
  await processors.start();
  const link = new Link(PORT);
  const feeder = new Feeder("va", rate);
  await using hunters = new Hunters(spool, `127.0.0.1:${link.port}`, feeder);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      for (const program of [hunters, processors]) program.signal("SIGKILL");
      folder[Symbol.dispose]();
      Deno.exit(130);
    });
  }
  hunters.start();

  const breakProcessor = async () => {
    for (let outage = 1; outage <= outages; outage++) {
      await pause(random.between(300, 3_000));
      const kind = random.oneOf(["killed", "stopped", "cut off"]);
      const lasts = random.between(50, 2_000);
      if (kind === "killed") await processors.end("SIGKILL");
      else if (kind === "stopped") processors.signal("SIGSTOP");
      else link.cut(true);
      await pause(lasts);
      if (kind === "killed") await processors.start();
      else if (kind === "stopped") processors.signal("SIGCONT");
      else link.mend();
      say(`outage ${outage}: processor ${kind} for ${lasts} ms`);
    }
  };
  const killHunter = async () => {
    for (let kill = 1; kill <= kills; kill++) {
      // One in four dies while it starts.
      if (random.between(1, 4) > 1) await hunters.capturing();
      await pause(random.between(0, 5_000));
      const kept = await hunters.kill();
      say(`kill ${kill}: ${kept} packets on disk, ${feeder.sent} sent`);
      await pause(random.between(0, 500));
      hunters.start();
    }
  };
  await Promise.all([breakProcessor(), killHunter()]);
  await hunters.capturing();
  await pause(2_000);
  const sent = await feeder.end();
  say(`${sent} sent; waiting for what is kept`);
  await pause(1_000);
  const ending = await hunters.finish();
  await processors.end("SIGINT");
  await link.close();
  return judge(sent, hunters.lives, processors.files, ending);
}

/** Compares what was accepted with what arrived. */
function judge(sent: number, lives: readonly Life[], files: readonly string[], ending: string): boolean {
  const arrivals = new Uint16Array(sent);
  let repeated = 0;
  let repeatedInOneLife = 0;
  for (const file of files) {
    const here = new Set<number>();
    for (const number of numbersIn(Deno.readFileSync(file))) {
      if (here.has(number)) repeatedInOneLife++;
      here.add(number);
      if (arrivals[number]) repeated++;
      arrivals[number] = (arrivals[number] ?? 0) + 1;
    }
  }
  const accepted = new Uint8Array(sent);
  for (let number = 0; number < sent; number++) accepted[number] = arrivals[number] ? 1 : 0;
  let kept = 0;
  let notWritten = 0;
  let from = 0;
  for (const { first, end, kept: numbers } of lives) {
    for (const number of numbers) accepted[number] = 1;
    kept += numbers.size;
    let last = end - 1;
    while (last >= from && !accepted[last]) last--;
    if (first !== undefined) {
      accepted.fill(1, first, Math.max(first, last + 1));
      notWritten += end - Math.max(first, last + 1);
    }
    from = end;
  }
  let [total, arrived] = [0, 0];
  for (let number = 0; number < sent; number++) {
    total += accepted[number] ? 1 : 0;
    arrived += arrivals[number] ? 1 : 0;
  }
  const lost = total - arrived;
  const { delivery } = JSON.parse(ending.trimEnd().split("\n").at(-1) ?? "") as Summary;
  say(
    `${sent} sent, ${notWritten} of them before a killed hunter had written them down, others while none ran`,
  );
  say(`${kept} packets stood on disk when hunters ended; the last one says: ${JSON.stringify(delivery)}`);
  if (repeatedInOneLife > 0) say(`${repeatedInOneLife} packets came twice to one and the same processor`);
  // A run in which hardly anything was captured, or kept, would prove nothing.
  const meaningful = total > sent / 4 && (kills === 0 || kept > 0);
  if (!meaningful) say("too little was accepted for this run to prove anything");
  console.log(
    `crash: ${kills} kills, ${outages} outages, ${total} packets accepted, ${arrived} arrived, ${lost} lost, ` +
      `${repeated} repeated`,
  );
  return lost === 0 && repeatedInOneLife === 0 && meaningful;
}

Deno.exit(await main() ? 0 : 1);
