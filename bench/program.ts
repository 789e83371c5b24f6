/**
 * The program as child processes, measured from outside.
 *
 * @module
 */
import assert from "node:assert/strict";

const program = new URL("../main.ts", import.meta.url).pathname;

/** How the program is run. */
export interface ProgramRun {
  /** Flags for Deno. */
  readonly permissions: readonly string[];
  /** A command with arguments that it is started through: `ip netns exec NAME`. */
  readonly through?: readonly string[];
  /** Killed after this time, ms. */
  readonly limitMs: number;
}

/** The program, running: what it writes to standard error is kept, standard output is thrown away. */
export class RunningProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #limit: ReturnType<typeof setTimeout>;
  readonly #read: Promise<void>;
  #stderr = "";
  #ended = false;
  #said = Promise.withResolvers<void>();

  /** Starts it. */
  constructor(args: readonly string[], { permissions, through = [], limitMs }: ProgramRun) {
    const [command = "", ...rest] = [
      ...through,
      ...[Deno.execPath(), "run", "--quiet", "--no-prompt", ...permissions, program, ...args],
    ];
    this.#child = new Deno.Command(command, {
      args: rest,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#limit = setTimeout(() => this.signal("SIGKILL"), limitMs);
    this.#read = this.#listen();
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) {
      this.#stderr += decoder.decode(bytes, { stream: true });
      this.#wakeAll();
    }
    clearTimeout(this.#limit);
    this.#ended = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.#said.resolve();
    this.#said = Promise.withResolvers();
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves with the match as soon as standard error holds it; fails when the process ends without it. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr);
      if (match !== null) return match;
      assert.ok(!this.#ended, `it ended without a line like ${pattern}:\n${this.#stderr}`);
      await this.#said.promise;
    }
  }

  /** Sends a signal; none is left to get it when it has ended. */
  signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended.
    }
  }

  /** Resolves with the last line of standard error, a JSON summary; fails unless the exit code is 0. */
  async summary<T>(): Promise<T> {
    const [{ code }] = await Promise.all([this.#child.status, this.#read]);
    assert.equal(code, 0, this.#stderr);
    return JSON.parse(this.#stderr.trimEnd().split("\n").at(-1) ?? "") as T;
  }

  /** Ends it at once, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await Promise.all([this.#child.status, this.#read]);
  }
}

/** The summary of `process`, as far as it is looked at. */
export interface ProcessorSummary {
  /** Packets taken from hunters. */
  readonly packets: number;
  /** Bytes of frames in them. */
  readonly bytes: number;
  /** Batches that came again. */
  readonly repeats: number;
}

/** Runs a command to its end, which must be a success; its standard output. */
export async function outputOf(words: readonly string[]): Promise<string> {
  const [command = "", ...args] = words;
  const { code, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, `${words.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
