/** A real DNS server for live tests: NSD, in a network namespace. Needs root, `nsd` and `dig`. */
import type { NetworkNamespace } from "./namespace.ts";

/** Every name below `w.example.test` exists, so that each question can have a name of its own. */
const zone = `$ORIGIN example.test.
$TTL 300
@    SOA   ns1 hostmaster 1 7200 3600 1209600 300
     NS    ns1
ns1  A     192.0.2.53
www  A     192.0.2.80
     AAAA  2001:db8::80
*.w  A     192.0.2.81
     AAAA  2001:db8::81
     TXT   "one" "two"
`;

/** Why it cannot be started here, or undefined. */
export function nameServerObstacle(): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin"];
  const missing = ["nsd", "dig"].find((name) => !folders.some((folder) => isFile(`${folder}/${name}`)));
  return missing && `${missing} is not installed`;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Answers for `example.test` on port 53. */
export class NameServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(child: Deno.ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  /** Starts it in `namespace` on `addresses`, and waits until it answers. */
  static async start(namespace: NetworkNamespace, addresses: readonly string[]): Promise<NameServer> {
    const folder = Deno.makeTempDirSync({ prefix: "caracal-name-server-" });
    Deno.writeTextFileSync(`${folder}/example.test.zone`, zone);
    Deno.writeTextFileSync(
      `${folder}/nsd.conf`,
      `server:
  username: ""
  database: ""
  pidfile: "${folder}/nsd.pid"
  zonesdir: "${folder}"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  cookie-secret-file: ""
  server-count: 1
${addresses.map((address) => `  ip-address: ${address}\n`).join("")}remote-control:
  control-enable: no
zone:
  name: "example.test"
  zonefile: "example.test.zone"
`,
    );
    const child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace.name, "nsd", "-d", "-c", `${folder}/nsd.conf`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new NameServer(child, folder);
    try {
      const question = ["+short", "+tries=1", "+time=1", "example.test", "SOA"];
      for (let tries = 0;; tries++) {
        const answer = await namespace.run("dig", `@${addresses[0]}`, ...question).catch(() => "");
        if (answer.includes("hostmaster")) return server;
        if (tries === 50) throw new Error("nsd does not answer");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#child.status;
    clearTimeout(limit);
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
