/** What tests of a running program share: signals to it, and numbered frames that it captures. */
import { readCapture } from "./capture_file.ts";
import { type Child, command, root } from "./program.ts";

/** Sends SIGHUP, and waits for the line that tells what came of it. */
export async function reload(child: Child, pattern: RegExp): Promise<string> {
  const from = child.stderr.length;
  child.signal("SIGHUP");
  const [line] = await child.said(pattern, from);
  return line;
}

/** Sends numbered frames from `va`, one to each port at a time, 8 times a millisecond. */
export async function sendNumbered(
  through: readonly string[],
  ports: readonly number[],
  rounds: number,
): Promise<void> {
  const script = `${root}tests/live/send_steadily.ts`;
  const args = ["run", "--allow-ffi", script, "va", ports.join(","), String(rounds), "8"];
  await command([Deno.execPath(), ...args], { through });
}

/** The numbers of the captured frames to a port, in order: see `tests/live/frame.ts`. */
export function numbersTo(port: number, path: string): number[] {
  return readCapture(path).records.map(({ frame }) => new DataView(frame.slice().buffer))
    .filter((view) => view.getUint16(36) === port).map((view) => view.getUint32(42));
}

/** The whole numbers from `first`, before `end`. */
export function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, at) => first + at);
}
