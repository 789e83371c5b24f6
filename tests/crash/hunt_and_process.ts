/** Hunter and processor as the long tests run them. */
import { type Child, pause, start } from "../end_to_end/program.ts";

/** Whatever is left behind is killed after this, ms. */
const limitMs = 4 * 3_600_000;

/** A processor on loopback. */
export function startProcess(port: number, args: readonly string[]): Child {
  return start(
    [
      ...["process", "--insecure", "--id", "central", "--listen", `127.0.0.1:${port}`, "--quiet", "--json"],
      ...["--stats=false", ...args],
    ],
    { permissions: ["--allow-net", "--allow-read", "--allow-write"], limitMs },
  );
}

/** A hunter on `vb` that writes down everything before it sends it. */
export function startHunt(processor: string, spool: string, args: readonly string[]): Child {
  return start(
    [
      ...["hunt", "-i", "vb", "-P", processor, "--insecure", "--id", "edge", "--no-filter-policy", "allow"],
      ...["--disk-buffer", "--disk-buffer-mode", "write-ahead", "--disk-buffer-dir", spool],
      ...["--disk-buffer-max-mb", "16384", "--pcap-timeout", "20", "--json", ...args],
    ],
    { permissions: ["--allow-ffi", "--allow-net", "--allow-read", "--allow-write"], limitMs },
  );
}

/** Resolves when as many sockets capture in this namespace, or `program` has ended. */
export async function packetSockets(count: number, program: Child): Promise<void> {
  // A line for each, below the heading.
  const sockets = () => Deno.readTextFileSync("/proc/net/packet").trimEnd().split("\n").length - 1;
  while (program.running && sockets() < count) await pause(20);
  // The filter is set after the socket is there.
  await pause(100);
}
