/**
 * Runs one capture scenario on the interfaces `va` and `vb`, the ends of a veth pair, and prints what came of it
 * as JSON. It is a program of its own because a process cannot change its network namespace.
 *
 * Usage: ip netns exec NAMESPACE deno run --allow-ffi --allow-run=ip tests/live/capture_scenario.ts SCENARIO
 */
import { dnsExpression, kernelExpression, matchesNothing } from "../../src/capture/bpf.ts";
import type { CaptureOptions } from "../../src/capture/capture_handle.ts";
import { LiveSource } from "../../src/capture/live_source.ts";
import { udpFrame } from "./frame.ts";
import { Injector } from "./inject.ts";

/** One record of a savefile. */
interface PacketRecord {
  readonly seconds: number;
  readonly fraction: number;
  readonly capturedLength: number;
  readonly originalLength: number;
  readonly bytes: Uint8Array;
}

const options: CaptureOptions = { snapLength: 65535, promiscuous: true, timeoutMs: 20, bufferSize: 1 << 24 };

/** Reads the savefile stream of a source. */
class Capture {
  readonly source: LiveSource;
  readonly records: PacketRecord[] = [];
  readonly notices: string[] = [];
  magic = 0;
  snapLength = 0;
  linkType = 0;
  /** Blocks that did not end with a whole record. */
  brokenBlocks = 0;
  #begun = false;

  private constructor(source: LiveSource) {
    this.source = source;
  }

  static async on(
    interfaceName: string,
    filter = "",
    changes: Partial<CaptureOptions> = {},
  ): Promise<Capture> {
    const expression = { text: filter, withoutVlan: filter };
    const capture = new Capture(new LiveSource(interfaceName, { ...options, ...changes }, expression));
    await capture.source.open();
    return capture;
  }

  /** Reads until `done`, or until nothing came for `quietMs`. */
  async read(done: () => boolean, quietMs = 500): Promise<void> {
    let lastPacket = performance.now();
    while (!done() && performance.now() - lastPacket < quietMs) {
      const block = await this.source.next();
      this.notices.push(...this.source.takeNotices());
      if (block === null) return;
      if (this.#take(block) > 0) lastPacket = performance.now();
    }
  }

  /** Takes the next block; true at the end. */
  async step(): Promise<boolean> {
    const block = await this.source.next();
    if (block !== null) this.#take(block);
    return block === null;
  }

  /** Takes the packets that still come until nothing came for a while. */
  async readAll(): Promise<void> {
    await this.read(() => false);
  }

  #take(block: Uint8Array): number {
    const view = new DataView(block.buffer, block.byteOffset, block.length);
    let at = 0, packets = 0;
    if (!this.#begun && block.length >= 24) {
      this.#begun = true;
      this.magic = view.getUint32(0, true);
      this.snapLength = view.getUint32(16, true);
      this.linkType = view.getUint32(20, true);
      at = 24;
    }
    while (at + 16 <= block.length) {
      const capturedLength = view.getUint32(at + 8, true);
      if (at + 16 + capturedLength > block.length) break;
      this.records.push({
        seconds: view.getUint32(at, true),
        fraction: view.getUint32(at + 4, true),
        capturedLength,
        originalLength: view.getUint32(at + 12, true),
        bytes: block.slice(at + 16, at + 16 + capturedLength),
      });
      at += 16 + capturedLength;
      packets++;
    }
    if (at !== block.length) this.brokenBlocks++;
    return packets;
  }
}

/** The numbers in the payloads of `records`, that begin `offset` bytes into the frame. */
function numbersAt(records: readonly PacketRecord[], offset: number): number[] {
  return records.map(({ bytes }) => new DataView(bytes.buffer).getUint32(offset));
}

const payloadOffset = 14 + 28;

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args, stdout: "null" }).output();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

async function failure(opening: Promise<Capture>): Promise<string> {
  return await opening.then(() => "opened", messageOf);
}

const scenarios: Record<string, (argument: string) => Promise<unknown>> = {
  /** Frames of all sizes, and the whole stream of records checked. */
  async finish() {
    // The kernel holds a block that is not full back for this long: nothing has been read yet when the end comes.
    const capture = await Capture.on("vb", "", { timeoutMs: 300 });
    const injector = new Injector("va");
    const send = (first: number, count: number) => {
      for (let number = first; number < first + count; number++) {
        injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 4 }));
      }
    };
    send(0, 5_000);
    capture.source.finish();
    send(5_000, 100);
    injector.close();
    let endsWithNull = false;
    while (!endsWithNull) endsWithNull = await capture.step();
    const numbers = numbersAt(capture.records, payloadOffset);
    capture.source.close();
    return { packets: numbers.length, inOrder: numbers.every((number, at) => number === at), endsWithNull };
  },

  async count() {
    const capture = await Capture.on("vb");
    const injector = new Injector("va");
    const before = Date.now();
    const sizes: number[] = [];
    for (let number = 0; number < 10_000; number++) {
      const payloadLength = 4 + number * 7 % 1400;
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength }));
      sizes.push(payloadOffset + payloadLength);
    }
    injector.close();
    await capture.readAll();
    const { records } = capture;
    const result = {
      magic: capture.magic,
      linkType: capture.linkType,
      snapLength: capture.snapLength,
      brokenBlocks: capture.brokenBlocks,
      packets: records.length,
      inOrder: numbersAt(records, payloadOffset).every((number, i) => number === i),
      sizesRight: records.every((each, i) =>
        each.capturedLength === sizes[i] && each.originalLength === sizes[i]
      ),
      timesRight: records.every((each) => Math.abs(each.seconds * 1000 - before) < 60_000),
      nanosecondsUsed: records.some((each) => each.fraction % 1000 !== 0),
      fractionsRight: records.every((each) => each.fraction < 1e9),
      counters: capture.source.kernelCounters(),
      endsWithNull: false,
    };
    capture.source.close();
    result.endsWithNull = await capture.source.next() === null;
    return result;
  },

  /** Cut packets keep their original length. */
  async snapLength() {
    const capture = await Capture.on("vb", "", { snapLength: 96 });
    const injector = new Injector("va");
    for (let number = 0; number < 300; number++) {
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 1000 }));
    }
    injector.close();
    await capture.readAll();
    capture.source.close();
    const lengths = capture.records.map((each) => `${each.capturedLength}/${each.originalLength}`);
    return {
      packets: capture.records.length,
      snapLength: capture.snapLength,
      lengths: [...new Set(lengths)],
    };
  },

  /** Filters that all match, swapped while packets arrive; then one that does not match, and a bad one. */
  async filter(interfaceName) {
    const capture = await Capture.on(interfaceName, "udp");
    const offset = interfaceName === "any" ? payloadOffset + 2 : payloadOffset;
    const filters = ["ip and udp port 53", "udp and (host 192.0.2.1 or host 192.0.2.7)", "udp port 53", ""];
    const burst = 1000;
    const injector = new Injector("va");
    const send = (first: number, count: number, destinationPort: number) => {
      for (let number = first; number < first + count; number++) {
        injector.send(udpFrame({ number, destinationPort, payloadLength: 40 }));
      }
    };
    let sent = 0;
    const sender = new Worker(new URL("inject_worker.ts", import.meta.url), { type: "module" });
    const finished = new Promise<number>((resolve) => sender.onmessage = ({ data }) => resolve(data));
    sender.postMessage({ interfaceName: "va", first: sent, count: 40 * burst });
    let over = false;
    finished.then((count) => {
      sent += count;
      over = true;
    });
    let swaps = 0;
    while (!over) {
      const filter = filters[swaps++ % filters.length] ?? "";
      capture.source.setFilter({ text: filter, withoutVlan: filter });
      const until = capture.records.length + burst;
      await capture.read(() => over || capture.records.length >= until, 300);
    }
    await finished;
    sender.terminate();
    await capture.readAll();
    const numbers = new Set(numbersAt(capture.records, offset));

    const filter = "udp port 5353";
    capture.source.setFilter({ text: filter, withoutVlan: filter });
    const before = capture.records.length;
    send(sent, 10, 53);
    send(sent + 10, 10, 5353);
    await capture.readAll();
    let bad = "none";
    try {
      capture.source.setFilter({ text: "udp and and", withoutVlan: "udp and and" });
    } catch (error) {
      bad = messageOf(error);
    }
    send(sent, 10, 53);
    send(sent + 20, 10, 5353);
    await capture.readAll();
    injector.close();
    const narrowed = new Set(numbersAt(capture.records.slice(before), offset).map((number) => number - sent));
    capture.source.close();
    return { swaps, lost: sent - numbers.size, narrowed: [...narrowed].sort((a, b) => a - b), bad };
  },

  /** DNS behind no, one, two and three VLAN tags. */
  async vlan() {
    const expression = kernelExpression({
      mode: dnsExpression([53], false),
      base: "",
      pushed: [],
      exclusion: "",
      fragments: false,
    });
    const source = await Capture.on("vb", matchesNothing.text);
    source.source.setFilter(expression);
    const injector = new Injector("va");
    const tagSets: (readonly (readonly [number, number])[])[] = [
      [],
      [[0x8100, 5]],
      [[0x88a8, 5], [0x8100, 6]],
      [[0x8100, 5], [0x8100, 6]],
    ];
    tagSets.forEach((tags, number) => {
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 40, tags }));
      injector.send(udpFrame({ number: 100 + number, destinationPort: 54, payloadLength: 40, tags }));
    });
    injector.close();
    await source.readAll();
    source.source.close();
    return source.records.map(({ bytes }) => new DataView(bytes.buffer).getUint32(bytes.length - 40));
  },

  /** The interface goes down and comes up. */
  async downUp() {
    const capture = await Capture.on("vb", "udp");
    const injector = new Injector("va");
    const send = (number: number) =>
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 40 }));
    send(1);
    await capture.read(() => capture.records.length > 0);
    await ip("link", "set", "vb", "down");
    await capture.read(() => capture.notices.length > 0, 3000);
    await ip("link", "set", "vb", "up");
    await capture.read(() => capture.notices.length > 1, 3000);
    send(2);
    await capture.read(() => capture.records.length > 1);
    injector.close();
    const counters = capture.source.kernelCounters();
    capture.source.close();
    return { notices: capture.notices, numbers: numbersAt(capture.records, payloadOffset), counters };
  },

  /** The interface disappears, and another of that name comes. */
  async vanish() {
    const capture = await Capture.on("vb", "udp");
    const sendOne = async (number: number) => {
      const injector = new Injector("va");
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 40 }));
      injector.send(udpFrame({ number, destinationPort: 5353, payloadLength: 40 }));
      injector.close();
      const before = capture.records.length;
      await capture.read(() => capture.records.length > before);
    };
    await sendOne(1);
    await ip("link", "del", "vb");
    await capture.read(() => capture.notices.length > 0, 3000);
    let bad = "none";
    try {
      capture.source.setFilter({ text: "udp and and", withoutVlan: "udp and and" });
    } catch (error) {
      bad = messageOf(error);
    }
    capture.source.setFilter({ text: "udp port 53", withoutVlan: "udp port 53" });
    await ip("link", "add", "va", "type", "veth", "peer", "name", "vb");
    await ip("link", "set", "va", "up");
    await ip("link", "set", "vb", "up");
    await capture.read(() => capture.notices.length > 1, 4000);
    await sendOne(2);
    const counters = capture.source.kernelCounters();
    capture.source.close();
    return { notices: capture.notices, bad, numbers: numbersAt(capture.records, payloadOffset), counters };
  },

  /** The interface disappears for good, and an interface of another kind takes its name. */
  async otherKind() {
    const capture = await Capture.on("vb", "udp");
    await ip("link", "del", "vb");
    await capture.read(() => capture.notices.length > 0, 3000);
    await ip("tuntap", "add", "dev", "vb", "mode", "tun");
    await ip("link", "set", "vb", "up");
    const outcome = await capture.read(() => false, 4000).then(() => "went on", messageOf);
    capture.source.close();
    return { outcome };
  },

  /** All interfaces at once. */
  async any() {
    const capture = await Capture.on("any", "udp");
    const injector = new Injector("va");
    for (let number = 0; number < 1000; number++) {
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 40 }));
    }
    injector.close();
    await capture.readAll();
    capture.source.close();
    // Each is seen leaving va, and arriving at vb.
    const numbers = numbersAt(capture.records, payloadOffset + 2);
    return {
      linkType: capture.linkType,
      packets: capture.records.length,
      distinct: new Set(numbers).size,
      notices: capture.notices,
    };
  },

  /** What cannot be opened. */
  async refused() {
    await ip("link", "set", "vb", "down");
    const down = await failure(Capture.on("vb"));
    await ip("link", "set", "vb", "up");
    return {
      noSuchInterface: await failure(Capture.on("vx")),
      badFilter: await failure(Capture.on("vb", "udp and and")),
      down,
    };
  },

  /** Ends with a source still open, and packets in its buffer. */
  async leftOpen() {
    await Capture.on("vb");
    const capture = await Capture.on("vb");
    const injector = new Injector("va");
    for (let number = 0; number < 1000; number++) {
      injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 40 }));
    }
    await capture.read(() => capture.records.length > 500);
    return { arrived: capture.records.length > 500 };
  },

  /** Opens, reads and closes for some seconds, often while a wait is under way. */
  async soak(seconds) {
    const end = performance.now() + Number(seconds) * 1000;
    const injector = new Injector("va");
    let rounds = 0, residentAfterWarmUp = 0;
    while (performance.now() < end) {
      const sources = ["va", "vb", "any"].map((name) => new LiveSource(name, options));
      await Promise.all(sources.map((source) => source.open()));
      await Promise.all(sources.map((source) => source.next()));
      injector.send(udpFrame({ number: rounds, destinationPort: 53, payloadLength: 40 }));
      const pending = sources.map((source) => source.next());
      if (rounds % 2 === 0) await new Promise((resolve) => setTimeout(resolve, rounds % 30));
      for (const source of sources) source.close();
      if ((await Promise.all(pending)).some((block) => block !== null && block.length > 1000)) {
        throw new Error("odd block");
      }
      if (++rounds === 10) residentAfterWarmUp = Deno.memoryUsage().rss;
    }
    injector.close();
    return { rounds, residentGrowth: Deno.memoryUsage().rss - residentAfterWarmUp };
  },
};

const [name = "", argument = ""] = Deno.args;
const scenario = scenarios[name];
if (scenario === undefined) {
  throw new Error(`no scenario ${name}: there are ${Object.keys(scenarios).join(", ")}`);
}
console.log(JSON.stringify(await scenario(argument)));
