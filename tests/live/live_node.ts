/** Programs in a network namespace, and traffic for them. */
import assert from "node:assert/strict";
import { captureOf, type CaptureRecord } from "../end_to_end/capture_file.ts";
import { type Child, type ChildOptions, command, type Folder, root, start } from "../end_to_end/program.ts";
import { udpFrame } from "./frame.ts";
import { NetworkNamespace } from "./namespace.ts";

/** A namespace whose loopback interface is up, so that programs in it can talk to each other. */
export async function namespaceWithLoopback(): Promise<NetworkNamespace> {
  const namespace = await NetworkNamespace.create();
  try {
    await namespace.run("ip", "link", "set", "lo", "up");
    return namespace;
  } catch (error) {
    await namespace[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts a child in a namespace. */
export function inside<Options extends ChildOptions>(namespace: NetworkNamespace, options: Options): Options {
  return { ...options, through: ["ip", "netns", "exec", namespace.name] };
}

/** UDP datagrams to a port, with numbers of their own, one microsecond apart. */
export function numberedRecords(first: number, count: number, destinationPort = 53): CaptureRecord[] {
  return Array.from({ length: count }, (_, at) => {
    const frame = udpFrame({ number: first + at, destinationPort, payloadLength: 40 });
    return { timeNs: BigInt(at) * 1000n, originalLength: frame.length, frame };
  });
}

/** The number that {@link numberedRecords} gave a frame. */
export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(14 + 28);
}

/** Sends Ethernet frames on `va`, so that they arrive at `vb`, all of them. */
export async function send(
  namespace: NetworkNamespace,
  records: readonly CaptureRecord[],
  perSecond = 5_000,
): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "caracal-test-", suffix: ".pcap" });
  try {
    await Deno.writeFile(path, captureOf({ linkType: 1, records }));
    const permissions = ["--allow-ffi", `--allow-read=${path},${root}`];
    const program = [Deno.execPath(), "run", "--quiet", "--no-prompt", ...permissions];
    const { stdout } = await command(
      [...program, `${root}tests/live/send_capture.ts`, "va", path, String(perSecond)],
      inside(namespace, { limitMs: 60_000 }),
    );
    assert.equal(Number(stdout), records.length, "the interface did not take all frames");
  } finally {
    await Deno.remove(path);
  }
}

/** A processor in the namespace that writes `out.pcap` of that folder, with further `flags`, once it listens. */
export async function startProcessor(
  namespace: NetworkNamespace,
  folder: Folder,
  ...flags: string[]
): Promise<Child> {
  const args = [
    "process",
    "--insecure",
    "--id",
    "central",
    "--listen",
    "127.0.0.1:5555",
    "--quiet",
    "--json",
  ];
  const processor = start(
    [...args, "-w", folder.file("out.pcap"), ...flags],
    inside(namespace, { permissions: ["--allow-net", "--allow-read", "--allow-write"], limitMs: 90_000 }),
  );
  await processor.said(/listening on/);
  return processor;
}
