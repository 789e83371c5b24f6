/**
 * Real telephones: pairs of SIPp in two network namespaces that a veth pair joins, `va` at the caller and `vb` at the
 * callee, where the capture is.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Child, command, Folder, missingCommand } from "../end_to_end/program.ts";
import { inside, namespaceWithLoopback } from "../live/live_node.ts";
import { namespaceObstacle, type NetworkNamespace } from "../live/namespace.ts";
import { mediaCapture } from "./media_capture.ts";
import { scenarios } from "./sipp_scenarios.ts";

/** Addresses of the two ends, by IP version. */
export const addresses = {
  4: { caller: "192.0.2.1", callee: "192.0.2.2" },
  6: { caller: "2001:db8::1", callee: "2001:db8::2" },
} as const;

const SIP_PORT = 5060;
/** Media ports of SIPp begin here, four to a call. */
const MEDIA_PORTS = { caller: 10_000, callee: 24_000 } as const;
/** Packets of a stream, 20 ms apart. */
const MEDIA_PACKETS = 8;
const LIMIT_MS = 50_000;

/** Names of the scenarios. */
export type ScenarioName = keyof ReturnType<typeof scenarios>;

/** How calls are made. */
export interface CallOptions {
  readonly calls: number;
  /** New calls per second. */
  readonly rate?: number;
  readonly ipVersion?: 4 | 6;
  /** UDP; TCP with one connection for all calls; TCP with one per call. */
  readonly transport?: "u1" | "t1" | "tn";
  /** Who calls whom, line by line, over and over again. */
  readonly users: readonly (readonly [from: string, to: string])[];
  /** Begins the Call-IDs, so that several runs are told apart. */
  readonly name?: string;
}

/** Why there are no telephones here, or undefined. */
export async function telephoneObstacle(): Promise<string | undefined> {
  const missing = missingCommand("sipp", "tshark", "tcpdump", "ip", "sysctl");
  if (missing !== undefined) return `${missing} is not installed`;
  return await namespaceObstacle();
}

/** What a bad line is made of with `tc qdisc add`. */
const NETEM = ["netem", "loss", "3%", "duplicate", "3%", "delay", "2ms", "2ms"];

/** Why lines cannot be made bad here, or undefined. */
export async function badLineObstacle(): Promise<string | undefined> {
  const missing = missingCommand("tc");
  if (missing !== undefined) return `${missing} is not installed`;
  await using namespace = await namespaceWithLoopback();
  const made = namespace.run("tc", "qdisc", "add", "dev", "va", "root", ...NETEM);
  return await made.then(() => undefined, () => "the kernel has no netem");
}

/** Begins the Call-IDs of messages that are no part of a test. */
export const CANARY = "canary-";

/** A Call-ID for such a message. */
export function canaryId(): string {
  return `${CANARY}${crypto.randomUUID()}`;
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** A MESSAGE of a user's. */
export function messageOf(callId: string, user: string, transport: "UDP" | "TCP"): string {
  return [
    `MESSAGE sip:anyone@${addresses[4].callee} SIP/2.0`,
    `Via: SIP/2.0/${transport} ${addresses[4].caller}:5070;branch=z9hG4bK-${callId}`,
    `From: <sip:${user}@example.com>;tag=${callId}`,
    "To: <sip:anyone@example.com>",
    `Call-ID: ${callId}`,
    "CSeq: 1 MESSAGE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n");
}

/** Two namespaces of our own; deleted at the end of its scope. */
export class TelephoneNetwork implements AsyncDisposable {
  readonly #folder = new Folder();
  /** Where calls come from. */
  readonly caller: NetworkNamespace;
  /** Where calls go to, and `vb` is. */
  readonly callee: NetworkNamespace;

  private constructor(caller: NetworkNamespace, callee: NetworkNamespace) {
    this.caller = caller;
    this.callee = callee;
    for (const [at, side] of (["caller", "callee"] as const).entries()) {
      this.#folder.file(`${side}.pcap`, mediaCapture({ ssrc: 0xca11 + at, packets: MEDIA_PACKETS }));
    }
    const media = (side: string) => this.#folder.file(`${side}.pcap`);
    const all = scenarios({
      caller: media("caller"),
      callee: media("callee"),
      milliseconds: 20 * MEDIA_PACKETS,
    });
    for (const [name, pair] of Object.entries(all)) {
      for (const side of ["caller", "callee"] as const) this.#folder.file(`${name}_${side}.xml`, pair[side]);
    }
  }

  /** Makes them; interfaces are up and have addresses. */
  static async create(): Promise<TelephoneNetwork> {
    const caller = await namespaceWithLoopback();
    let callee: NetworkNamespace;
    try {
      callee = await namespaceWithLoopback();
    } catch (error) {
      await caller[Symbol.asyncDispose]();
      throw error;
    }
    const network = new TelephoneNetwork(caller, callee);
    try {
      await caller.run("ip", "link", "del", "va");
      await callee.run("ip", "link", "set", "va", "netns", caller.name);
      for (const [namespace, name, side] of [[caller, "va", "caller"], [callee, "vb", "callee"]] as const) {
        // Without router solicitations and the like.
        const settings = ["disable_ipv6=0", "accept_dad=0", "router_solicitations=0"];
        await namespace.run("sysctl", "-qw", ...settings.map((one) => `net.ipv6.conf.all.${one}`));
        await namespace.run("sysctl", "-qw", ...settings.map((one) => `net.ipv6.conf.${name}.${one}`));
        await namespace.run("ip", "link", "set", name, "up");
        await namespace.run("ip", "address", "add", `${addresses[4][side]}/24`, "dev", name);
        await namespace.run("ip", "address", "add", `${addresses[6][side]}/64`, "dev", name, "nodad");
      }
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** From now on, packets are lost, repeated and disordered, both ways. */
  async makeLineBad(): Promise<void> {
    await this.caller.run("tc", "qdisc", "add", "dev", "va", "root", ...NETEM);
    await this.callee.run("tc", "qdisc", "add", "dev", "vb", "root", ...NETEM);
  }

  /** From now on, TCP connections carry no more than 300 bytes per segment, so that messages are cut. */
  async makeSegmentsSmall(): Promise<void> {
    const ends = [[this.caller, "va", "caller"], [this.callee, "vb", "callee"]] as const;
    for (const [namespace, name, side] of ends) {
      // Segments are not left to the interface to make.
      await namespace.run("ip", "link", "set", name, "gso_max_segs", "1");
      const route = ["192.0.2.0/24", "dev", name, "src", addresses[4][side], "advmss", "300"];
      await namespace.run("ip", "route", "replace", ...route);
    }
  }

  /** Makes calls, and resolves when all of them are over; fails when one of them did. */
  async calls(scenario: ScenarioName, options: CallOptions): Promise<void> {
    const { calls, rate = 50, ipVersion = 4, transport = "u1", users } = options;
    const injected = this.#folder.file(
      "users.csv",
      `SEQUENTIAL\n${users.map((line) => `${line.join(";")}\n`).join("")}`,
    );
    // Who is called takes as many connections as come.
    await using callee = await this.#callee(scenario, transport === "tn" ? "t1" : transport, ipVersion);
    await using caller = new Child([
      ...this.#sipp(scenario, "caller", transport, ipVersion),
      ...["-inf", injected, "-m", String(calls), "-r", String(rate), "-l", String(4 * rate)],
      ...["-cid_str", `${options.name ?? scenario}-%u@%s`],
      `${bracketed(addresses[ipVersion].callee)}:${SIP_PORT}`,
    ], inside(this.caller, { limitMs: LIMIT_MS }));
    const { code } = await caller.ended();
    assert.equal(code, 0, `SIPp: ${this.#errors()}`);
    // It waits for calls to end, for repeated messages.
    callee.signal("SIGUSR1");
    await callee.ended();
  }

  /** Sends `count` messages of a user's on one connection, at once, and resolves when all are answered. */
  async pipeline(user: string, count: number): Promise<void> {
    await using callee = await this.#callee("message", "t1", 4);
    const messages = Array.from({ length: count }, (_, at) => messageOf(`pipeline-${at}`, user, "TCP")).join(
      "",
    );
    const last = `grep -m 1 -a "^Call-ID: pipeline-${count - 1}" <&3`;
    await command(
      ["bash", "-c", `exec 3<>/dev/tcp/${addresses[4].callee}/${SIP_PORT}; cat >&3; ${last}`],
      { ...inside(this.caller, {}), input: new TextEncoder().encode(messages) },
    );
    callee.signal("SIGUSR1");
    await callee.ended();
  }

  #sipp(scenario: ScenarioName, side: "caller" | "callee", transport: string, ipVersion: 4 | 6): string[] {
    const own = bracketed(addresses[ipVersion][side]);
    return [
      ...["sipp", "-sf", this.#folder.file(`${scenario}_${side}.xml`), "-nostdin", "-t", transport],
      ...["-i", own, "-p", String(SIP_PORT), "-mi", own, "-mp", String(MEDIA_PORTS[side])],
      ...["-max_socket", "2000", "-trace_err", "-error_file", this.#folder.file(`${side}.errors`)],
    ];
  }

  /** Starts who is called; resolves when its port is open. */
  async #callee(scenario: ScenarioName, transport: string, ipVersion: 4 | 6): Promise<Child> {
    for (const side of ["caller", "callee"]) this.#folder.file(`${side}.errors`, "");
    const callee = new Child(
      this.#sipp(scenario, "callee", transport, ipVersion),
      inside(this.callee, { limitMs: LIMIT_MS }),
    );
    const [files, state] = transport === "u1" ? ["udp", "07"] : ["tcp", "0A"];
    const open = new RegExp(`:${SIP_PORT.toString(16).toUpperCase()} \\S+ ${state} `);
    const sockets = () => this.callee.run("cat", `/proc/net/${files}`, `/proc/net/${files}6`);
    try {
      while (!open.test(await sockets())) {
        assert.ok(callee.running, `SIPp ended before it was called: ${this.#errors()}`);
      }
      return callee;
    } catch (error) {
      await callee[Symbol.asyncDispose]();
      throw error;
    }
  }

  #errors(): string {
    const texts = ["caller", "callee"].map((side) =>
      `${side}: ${Deno.readTextFileSync(this.#folder.file(`${side}.errors`)).slice(0, 2_000)}`
    );
    return texts.join("\n");
  }

  /** Starts tcpdump on `vb`; it writes to a file, in nanoseconds, until it is stopped. */
  async record(path: string): Promise<Recording> {
    const child = new Child([
      ...["tcpdump", "-i", "vb", "-U", "--immediate-mode", "-B", "32768"],
      ...["--time-stamp-precision=nano", "-w", path],
    ], inside(this.callee, { limitMs: 2 * LIMIT_MS }));
    await child.said(/listening on vb/);
    return new Recording(child);
  }

  /** Sends a MESSAGE of a user's to a port without a telephone. */
  async canary(user: string): Promise<void> {
    await command(["bash", "-c", `cat >/dev/udp/${addresses[4].callee}/5070`], {
      ...inside(this.caller, {}),
      input: new TextEncoder().encode(messageOf(canaryId(), user, "UDP")),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#folder[Symbol.dispose]();
    await this.caller[Symbol.asyncDispose]();
    await this.callee[Symbol.asyncDispose]();
  }
}

/** A running tcpdump. */
export class Recording implements AsyncDisposable {
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
  }

  /** Stops it; fails when the kernel dropped packets. */
  async stop(): Promise<void> {
    const { stderr } = await this.#child.interrupt();
    const [, dropped] = /(\d+) packets? dropped by kernel/.exec(stderr) ?? assert.fail(stderr);
    assert.equal(Number(dropped), 0, "tcpdump lost packets itself");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
