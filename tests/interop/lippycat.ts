/**
 * lippycat's own programs, for tests that pair them with ours. The binary is named by CARACAL_LIPPYCAT. It is built
 * from the public repository, outside of this one: `go build -tags all -o lc .` (Go, and libpcap's headers).
 */
import assert from "node:assert/strict";
import { Child, command, exists, type Folder, pause } from "../end_to_end/program.ts";
import { inside } from "../live/live_node.ts";
import type { NetworkNamespace } from "../live/namespace.ts";

const binary = Deno.env.get("CARACAL_LIPPYCAT") ?? "";

/** Where every processor of these tests listens, in a namespace of its own. */
export const address = "127.0.0.1:5555";

/** Why lippycat cannot be run here, or undefined. */
export function lippycatObstacle(): string | undefined {
  if (binary === "") {
    return "set CARACAL_LIPPYCAT to the path of lippycat's program lc " +
      "(in a clone of its repository: go build -tags all -o lc .)";
  }
  return exists(binary) ? undefined : `CARACAL_LIPPYCAT names ${binary}, which does not exist`;
}

/** A hunter as lippycat's command line shows it. Figures that are 0 may be left out. */
export interface ShownHunter {
  readonly hunter_id: string;
  readonly hostname: string;
  readonly remote_addr?: string;
  readonly status: string;
  readonly interfaces?: readonly string[];
  readonly stats?: Readonly<Record<string, number | undefined>>;
  readonly capabilities?: { readonly filter_types?: readonly string[]; readonly max_buffer_size?: number };
  readonly filters?: readonly { readonly id: string }[];
}

/** lippycat in a network namespace. */
export class Lippycat {
  readonly #namespace: NetworkNamespace;
  readonly #folder: Folder;
  /** What protects connections: `--insecure`, or the flags for TLS of a client. */
  readonly #security: readonly string[];

  constructor(namespace: NetworkNamespace, folder: Folder, security: readonly string[] = ["--insecure"]) {
    this.#namespace = namespace;
    this.#folder = folder;
    this.#security = security;
  }

  /** Starts its processor; it writes all packets to the file `name`. */
  async process(name: string, ...args: string[]): Promise<Child> {
    const files = ["-w", this.#folder.file(name), "-f", this.#folder.file("lc-filters.yaml")];
    const security = args.some((arg) => arg.startsWith("--tls")) ? [] : ["--insecure"];
    const words = ["process", "--id", "central", "--listen", address, ...security, ...files, ...args];
    const processor = this.#start(words);
    await processor.said(/"msg":"Processor started"/);
    return processor;
  }

  /** Starts its hunter on `vb`, in a mode if wanted, and waits until it is registered. */
  async hunt(args: readonly string[]): Promise<Child> {
    const words = ["hunt", ...args, "-i", "vb", "-P", address, "--id", "edge", ...this.#security];
    const hunter = this.#start(words);
    await hunter.said(/"msg":"Registration accepted"/);
    // Capture begins before that, in the background.
    await pause(500);
    return hunter;
  }

  /** Asks a processor with its command line; what that prints, parsed. */
  async ask(...words: string[]): Promise<unknown> {
    const { stdout, stderr } = await command(
      [binary, ...words, "-P", address, ...this.#security],
      this.#options(15_000),
    );
    // What it shows and lists goes to standard error.
    return JSON.parse(stdout || stderr);
  }

  /** The hunter `edge`, as its command line shows it, once `condition` holds for it. */
  async hunterOnce(what: string, condition: (hunter: ShownHunter) => boolean): Promise<ShownHunter> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const hunter = await this.ask("show", "hunter", "--id", "edge") as ShownHunter;
      if (condition(hunter)) return hunter;
      assert.ok(Date.now() < deadline, `never happened: ${what}; the hunter is ${JSON.stringify(hunter)}`);
      await pause(300);
    }
  }

  #start(words: readonly string[]): Child {
    return new Child([binary, ...words], this.#options(90_000));
  }

  #options(limitMs: number) {
    return inside(this.#namespace, { limitMs, cwd: this.#folder.path, env: { HOME: this.#folder.path } });
  }
}
