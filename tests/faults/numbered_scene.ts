/** A hunter that is fed numbered packets, and a processor that writes them down. */
import assert from "node:assert/strict";
import { numberedFrame, numbersIn } from "../crash/numbered_frames.ts";
import { fileHeader, recordOf } from "../end_to_end/capture_file.ts";
import { type Child, concatenated, Folder, start } from "../end_to_end/program.ts";

const limitMs = 120_000;
/** Packets that are handed over at once. */
const burst = 1_000;

/** An address on loopback that nobody listens on: it was free a moment ago. */
export function freeAddress(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}

/** Flags of the connection between hunters and processors. */
export interface SceneSecurity {
  readonly processor: readonly string[];
  readonly hunter: readonly string[];
}

/** Hunters and processors of one test, and their files. */
export class NumberedScene implements Disposable {
  readonly folder = new Folder();
  /** Where processors listen. */
  readonly address = freeAddress();
  /** Where hunters connect to. */
  target = this.address;
  readonly #files: string[] = [];
  readonly #security: SceneSecurity;
  #fed = 0;

  /** Plain text, unless it says otherwise. */
  constructor(security: SceneSecurity = { processor: ["--insecure"], hunter: ["--insecure"] }) {
    this.#security = security;
  }

  /**
   * A processor that writes to `file`, listening.
   * @param through the pipe that it writes to, if somebody else writes to `file`
   */
  async processor(file: string, args: readonly string[] = [], through = file): Promise<Child> {
    this.#files.push(file);
    const processor = start(
      [
        ...[
          "process",
          ...this.#security.processor,
          "--id",
          "central",
          "--listen",
          this.address,
          "--quiet",
          "--json",
        ],
        ...["-w", through, ...args],
      ],
      { permissions: ["--allow-net", "--allow-read", "--allow-write"], limitMs },
    );
    await processor.said(/listening on/);
    return processor;
  }

  /** A hunter that takes packets as long as {@link feed} gives it some. */
  hunter(...args: string[]): Child {
    const hunter = start(
      [
        ...["hunt", "-r", "-", "-P", this.target, ...this.#security.hunter, "--id", "edge", "--json"],
        ...["--no-filter-policy", "allow", ...args],
      ],
      { permissions: ["--allow-ffi", "--allow-net", "--allow-read", "--allow-write"], limitMs, fed: true },
    );
    void hunter.feed(fileHeader(1));
    return hunter;
  }

  /** Gives the hunter so many more packets; resolves when it has taken them. */
  async feed(hunter: Child, packets: number): Promise<void> {
    for (let rest = packets; rest > 0; rest -= burst) {
      const records = Array.from({ length: Math.min(burst, rest) }, () => {
        const frame = numberedFrame(this.#fed++);
        return recordOf({ timeNs: BigInt(this.#fed) * 1_000n, frame, originalLength: frame.length });
      });
      await hunter.feed(concatenated(records));
    }
  }

  /** Fails unless every packet that was fed arrived, but the first `elsewhere`. @returns how many arrived twice */
  assertAllArrived(elsewhere = 0): number {
    const arrived = new Uint16Array(this.#fed);
    for (const file of this.#files) {
      for (const number of numbersIn(Deno.readFileSync(file))) arrived[number] = (arrived[number] ?? 0) + 1;
    }
    const missing = [...arrived.keys()].filter((number) => number >= elsewhere && arrived[number] === 0);
    assert.deepEqual(missing.slice(0, 10), [], `${missing.length} of ${this.#fed} packets are missing`);
    return arrived.reduce((sum, times) => sum + Math.max(0, times - 1), 0);
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}
