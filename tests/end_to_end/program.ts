/** Runs the program as a child process, as an operator does, never for longer than a limit. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** The repository, with a slash at the end. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The program's main module. */
export const mainModule = `${root}main.ts`;

/** The permissions of a run that reads and writes files. */
export const files = ["--allow-ffi", "--allow-read", "--allow-write"];

/** Any run but those that say otherwise ends in this time, ms. */
const defaultLimitMs = 30_000;

/** How a child process is started. */
export interface ChildOptions {
  /** Working directory; the repository when left out. */
  readonly cwd?: string;
  /** Written to standard input, which is then closed; nothing when left out. */
  readonly input?: Uint8Array;
  /** Standard input stays open for {@link Child.feed}. */
  readonly fed?: boolean;
  /** The process is killed, and the test fails, when it runs for longer, ms. */
  readonly limitMs?: number;
  /** Environment variables on top of the test's own. */
  readonly env?: Record<string, string>;
  /** A command with arguments that the child is started through: `ip netns exec NAME`. */
  readonly through?: readonly string[];
}

/** How a child process is started when it is the program. */
export interface ProgramOptions extends ChildOptions {
  /** Flags for Deno. `--no-prompt` is always among them. */
  readonly permissions?: readonly string[];
}

/** What came of a child process. */
export interface Outcome {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** A running child process. */
export class Child implements AsyncDisposable {
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #limit: ReturnType<typeof setTimeout>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #pieces: Uint8Array[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #outcome: Promise<Outcome>;
  #stderr = "";
  #ended = false;
  #late = false;

  constructor(command: readonly string[], options: ChildOptions = {}) {
    const [file = "", ...args] = [...options.through ?? [], ...command];
    this.#name = command.join(" ");
    const piped = options.fed === true || options.input !== undefined;
    this.#child = new Deno.Command(file, {
      args,
      cwd: options.cwd ?? root,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
      stdin: piped ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const limitMs = options.limitMs ?? defaultLimitMs;
    this.#limit = setTimeout(() => {
      this.#late = true;
      this.signal("SIGKILL");
    }, limitMs);
    this.#stdin = piped ? this.#child.stdin.getWriter() : undefined;
    this.#outcome = this.#run(limitMs);
    // Who ends it looks at how it ended.
    this.#outcome.catch(() => {});
    if (options.input !== undefined) void this.feed(options.input).then(() => this.closeInput());
  }

  async #run(limitMs: number): Promise<Outcome> {
    const decoder = new TextDecoder();
    const [status] = await Promise.all([
      this.#child.status,
      this.#read(this.#child.stdout, (bytes) => this.#pieces.push(bytes)),
      this.#read(this.#child.stderr, (bytes) => this.#stderr += decoder.decode(bytes, { stream: true })),
    ]);
    clearTimeout(this.#limit);
    await this.closeInput();
    this.#ended = true;
    this.#tell();
    assert.ok(!this.#late, `${this.#name} ran for more than ${limitMs} ms; standard error:\n${this.#stderr}`);
    return { code: status.code, signal: status.signal, stdout: this.stdout, stderr: this.#stderr };
  }

  async #read(stream: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => void): Promise<void> {
    for await (const bytes of stream) {
      take(bytes);
      this.#tell();
    }
  }

  #tell(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Its process id: that of the command it is started through, which becomes it. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Standard output so far. */
  get stdout(): Uint8Array {
    return concatenated(this.#pieces);
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Whether it still runs. */
  get running(): boolean {
    return !this.#ended;
  }

  /** Writes to standard input; a reader that went away is no failure. */
  async feed(bytes: Uint8Array): Promise<void> {
    await this.#stdin?.write(bytes).catch(() => {});
  }

  /** Ends standard input. */
  async closeInput(): Promise<void> {
    await this.#stdin?.close().catch(() => {});
  }

  /** Resolves with the match as soon as standard error holds it; fails when the process ends without it. */
  async said(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    await this.until(
      `a line like ${pattern}`,
      () => (match = pattern.exec(this.#stderr.slice(from))) !== null,
    );
    return match as unknown as RegExpExecArray;
  }

  /** Resolves as soon as `condition` holds; it is asked whenever the process wrote something. */
  async until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) await this.#outcome;
      assert.ok(!this.#ended, `${this.#name} ended without ${what}; standard error:\n${this.#stderr}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended.
    }
  }

  /** Resolves when it has ended. */
  ended(): Promise<Outcome> {
    return this.#outcome;
  }

  /** Asks it to end, as Ctrl+C does. */
  interrupt(): Promise<Outcome> {
    this.signal("SIGINT");
    return this.#outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#outcome.catch(() => {});
  }
}

/** Starts the program. */
export function start(args: readonly string[], options: ProgramOptions = {}): Child {
  const permissions = options.permissions ?? files;
  return new Child([Deno.execPath(), "run", "--no-prompt", ...permissions, mainModule, ...args], options);
}

/** Runs the program to its end. */
export async function run(args: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
  await using child = start(args, options);
  return await child.ended();
}

/** Runs another command to its end, which must be a success; its standard output and error. */
export async function command(
  words: readonly string[],
  options: ChildOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  await using child = new Child(words, options);
  const { code, stdout, stderr } = await child.ended();
  assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
  return { stdout: textOf(stdout), stderr };
}

/** The first of these commands that is not installed. */
export function missingCommand(...names: string[]): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  return names.find((name) => !folders.some((folder) => exists(`${folder}/${name}`)));
}

/** Whether there is such a file or folder. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A folder for one test, removed at the end of its scope. */
export class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "caracal-test-" });

  /** The path of a file in it; written when there is content. */
  file(name: string, content?: Uint8Array | string): string {
    const path = `${this.path}/${name}`;
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else if (content !== undefined) Deno.writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** The pieces as one. */
export function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Bytes as text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The lines of a text, without the empty end. */
export function linesOf(text: Uint8Array | string): string[] {
  const lines = (typeof text === "string" ? text : textOf(text)).split("\n");
  assert.equal(lines.pop(), "", "the last line is not ended");
  return lines;
}

/** Resolves when `condition` holds; fails with `what` when it does not for a long time. */
export async function eventually(what: string, condition: () => boolean, limitMs = 15_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `never happened: ${what}`);
    await pause(10);
  }
}

/** Waits, ms. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
