/**
 * A hunter for calls and a processor with a filter for one user, and what must arrive there: all of that user's calls, each
 * packet once, and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { packetsIn, packetsSoFar, summaryIn, sumOf } from "../end_to_end/output.ts";
import { type Child, eventually, Folder, start } from "../end_to_end/program.ts";
import { inside } from "../live/live_node.ts";
import type { NetworkNamespace } from "../live/namespace.ts";
import { type Call, countsOf, type Sent, sentIn } from "./call_truth.ts";
import { CANARY } from "./telephone_network.ts";

/** Whose calls the filter asks for. */
export const wantedUser = "carol";
/** Id of the filter. */
const FILTER = "person";
/** Every fourth call is one of {@link wantedUser}: called, or calling. */
export const users = [
  ["alice", "bob"],
  ["erin", "frank"],
  [wantedUser, "dave"],
  ["grace", "heidi"],
  ["ivan", "judy"],
  ["mallory", "niaj"],
  ["olivia", wantedUser],
  ["peggy", "rupert"],
] as const;
const LIMIT_MS = 100_000;
/** The kernel stamps packets of both directions on two processors, and they get past each other on their way, s. */
const KERNEL_DISORDER = 0.05;
/** Packets that wait for signalling which another capture thread has read go out late, s. */
const THREAD_DISORDER = 0.5;

/** Both programs in a namespace, the hunter on `vb`. */
export class FilteredCalls implements AsyncDisposable {
  readonly #folder = new Folder();
  readonly #processor: Child;
  readonly #disorder: number;
  #hunter: Child | undefined;

  private constructor(namespace: NetworkNamespace, workers: number) {
    this.#disorder = workers === 1 ? KERNEL_DISORDER : THREAD_DISORDER;
    const filters = this.#folder.file(
      "filters.yaml",
      `filters:\n  - { id: ${FILTER}, type: sip_user, pattern: ${wantedUser} }\n`,
    );
    this.#processor = start(
      [
        ...["process", "--insecure", "--id", "central", "--listen", "127.0.0.1:5555", "--json"],
        ...["-w", this.#out, "--filter-file", filters],
      ],
      inside(namespace, {
        permissions: ["--allow-net", "--allow-read", "--allow-write", "--allow-sys=hostname"],
        limitMs: LIMIT_MS,
      }),
    );
  }

  get #out(): string {
    return this.#folder.file("out.pcap");
  }

  /** Starts both, the hunter with so many capture threads; the filter is at the hunter when this resolves. */
  static async start(namespace: NetworkNamespace, workers = 1): Promise<FilteredCalls> {
    const calls = new FilteredCalls(namespace, workers);
    try {
      await calls.#processor.said(/listening on/);
      calls.#hunter = start(
        [
          ...["hunt", "voip", "-i", "vb", "-P", "127.0.0.1:5555", "--insecure", "--id", "edge", "--json"],
          ...["--workers", String(workers)],
        ],
        inside(namespace, { permissions: ["--allow-ffi", "--allow-net"], limitMs: LIMIT_MS }),
      );
      await calls.#hunter.said(/1 filter in force/);
      return calls;
    } catch (error) {
      await calls[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sends canaries until one has arrived: capture is open, and the filter at work. */
  async ready(sendCanary: () => Promise<void>): Promise<void> {
    const arrived = () => packetsSoFar(this.#processor.stdout).length > 0;
    const limit = performance.now() + 20_000;
    while (!arrived()) {
      assert.ok(performance.now() < limit, `no MESSAGE of ${wantedUser} arrived: ${this.#hunter?.stderr}`);
      await sendCanary();
      await eventually("a canary", arrived, 500).catch(() => {});
    }
  }

  /** Ends both, and compares what arrived with these calls, of which the wanted ones must be so many. */
  async finish(truth: ReadonlyMap<string, Call>, count: number): Promise<void> {
    assert.ok(this.#hunter);
    const hunted = await this.#hunter.interrupt();
    assert.equal(hunted.code, 0, hunted.stderr);
    const { drops } = summaryIn(hunted.stderr);
    assert.equal(sumOf(drops), 0, JSON.stringify(drops));
    const { code, stdout, stderr } = await this.#processor.interrupt();
    assert.equal(code, 0, stderr);

    const wanted = [...truth.values()].filter(({ callId, fromUser, toUser }) =>
      [fromUser, toUser].includes(wantedUser) && !callId.startsWith(CANARY)
    );
    assert.equal(wanted.length, count, "another number of calls was made");
    const all = await sentIn(this.#out);
    assertSame(all.filter(({ octets }) => !isCanary(octets)), wanted, this.#disorder);

    const lines = packetsIn(stdout);
    assert.equal(lines.length, all.length, "a line for each packet");
    const callIds = new Set(wanted.map(({ callId }) => callId));
    for (const line of lines) {
      const { sip, rtp } = line as unknown as {
        readonly sip?: { readonly call_id?: string };
        readonly rtp?: Readonly<Record<string, number>>;
      };
      const told = JSON.stringify(line);
      assert.deepEqual(line.matched_filter_ids, [FILTER], told);
      const callId = sip?.call_id ?? "";
      assert.ok(callIds.has(callId) || callId.startsWith(CANARY), told);
      if (line.protocol === "RTP") assert.equal(typeof rtp?.ssrc, "number", told);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hunter?.[Symbol.asyncDispose]();
    await this.#processor[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

function isCanary(octets: string): boolean {
  return new RegExp(`^(?:..)*${hexadecimal(`Call-ID: ${CANARY}`)}`).test(octets);
}

function hexadecimal(text: string): string {
  return Array.from(new TextEncoder().encode(text), (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** Fails unless just these calls arrived: each message and packet as often as it was sent, each call in order of time. */
function assertSame(
  arrived: readonly Omit<Sent, "callId" | "isSip">[],
  calls: readonly Call[],
  disorder: number,
): void {
  const expected = calls.flatMap(({ sent }) => sent);
  const [wanted, got] = [countsOf(expected), countsOf(arrived)];
  const byKey = new Map<string, Sent>(expected.map((one) => [`${one.way} ${one.octets}`, one]));
  const differences = [...new Set([...wanted.keys(), ...got.keys()])].flatMap((key) => {
    const [times, wantedTimes] = [got.get(key) ?? 0, wanted.get(key) ?? 0];
    if (times === wantedTimes) return [];
    const known = byKey.get(key);
    const what = known === undefined ? "of no wanted call" : known.isSip ? "SIP" : "media";
    return [`${times} instead of ${wantedTimes}: ${what} ${known?.callId ?? ""} ${beginOf(key)}`];
  });
  assert.deepEqual({ differences: differences.length, first: differences.slice(0, 10) }, {
    differences: 0,
    first: [],
  });
  const latest = new Map<string, number>();
  for (const { way, octets, time } of arrived) {
    const callId = byKey.get(`${way} ${octets}`)?.callId ?? "";
    const before = latest.get(callId) ?? 0;
    assert.ok(time > before - disorder, `${callId} is out of order at ${time}`);
    latest.set(callId, Math.max(time, before));
  }
}

/** The way, and the beginning of the octets as text. */
function beginOf(key: string): string {
  const at = key.lastIndexOf(" ");
  const octets = key.slice(at + 1).match(/../g)?.slice(0, 40) ?? [];
  const text = octets.map((octet) => String.fromCharCode(parseInt(octet, 16))).join("");
  return `${key.slice(0, at)} ${JSON.stringify(text)}`;
}
