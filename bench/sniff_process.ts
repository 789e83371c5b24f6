/**
 * The program as a whole process, measured from outside.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Summary } from "../src/cli/summary.ts";

/** One run of `sniff`. */
export interface SniffRun {
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** Most bytes that the process held; 0 where the system does not tell. */
  readonly rssBytes: number;
  /** What it said at its end. */
  readonly summary: Summary;
}

/** Runs `sniff --json` on a capture, with further `flags`; standard output goes to a file that is thrown away. */
export async function runSniff(path: string, flags: readonly string[]): Promise<SniffRun> {
  const output = Deno.makeTempFileSync({ prefix: "caracal-bench-" });
  const program = new URL("../main.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-ffi", "--allow-read", program];
  // The shell gives standard output to the file, and its place to the program.
  const shell = ["-c", 'out=$1; shift; exec "$@" >"$out"', "sh", output];
  const command = new Deno.Command("sh", {
    args: [...shell, ...deno, "sniff", "-r", path, "--json", ...flags],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const start = performance.now();
  const child = command.spawn();
  let rssBytes = 0;
  const watch = setInterval(() => rssBytes = Math.max(rssBytes, peakOf(child.pid)), 20);
  const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.status]);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  Deno.removeSync(output);
  assert.equal(status.code, 0, stderr);
  const last = stderr.trimEnd().split("\n").at(-1) ?? "";
  assert.match(last, /^\{"packets":/, stderr);
  return { seconds, rssBytes, summary: JSON.parse(last) as Summary };
}

function peakOf(pid: number): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
