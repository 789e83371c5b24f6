/**
 * Other programs that read a capture, measured in the same run as this one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";

/** Packets that tshark gets: it reads them at an even pace, and all of a large capture would take minutes. */
const TSHARK_PACKETS = 200_000;

/** A program to compare with. */
export interface Peer {
  /** As it is called. */
  readonly name: string;
  /** The command that reads all of a capture, or its first `packets`. */
  command(path: string): readonly string[];
  /** Packets that it reads, at most; undefined for all. */
  readonly packets?: number;
}

const peers: readonly Peer[] = [
  { name: "ndpiReader", command: (path) => ["ndpiReader", "-q", "-i", path] },
  {
    name: "tshark",
    command: (path) => ["tshark", "-n", "-q", "-z", "io,phs", "-c", String(TSHARK_PACKETS), "-r", path],
    packets: TSHARK_PACKETS,
  },
  { name: "tcpdump", command: (path) => ["tcpdump", "-r", path, "-w", "/dev/null"] },
];

/** Those that this machine has. */
export function installedPeers(): Peer[] {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  return peers.filter(({ name }) => folders.some((folder) => existsSync(`${folder}/${name}`)));
}

/** Seconds that `peer` takes for a capture, as a whole process. Throws AssertionError when it fails. */
export async function secondsOf(peer: Peer, path: string): Promise<number> {
  const [program = "", ...args] = peer.command(path);
  const start = performance.now();
  const command = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "piped" });
  const { code, stderr } = await command.output();
  const seconds = (performance.now() - start) / 1000;
  assert.equal(code, 0, `${peer.name}: ${new TextDecoder().decode(stderr)}`);
  return seconds;
}
