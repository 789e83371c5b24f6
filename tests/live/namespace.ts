/** Network namespaces for live tests, with the veth pair `va` and `vb` in each. Needs root and `ip`. */

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}

/** Why namespaces cannot be made here, or undefined. */
export async function namespaceObstacle(): Promise<string | undefined> {
  try {
    const namespace = await NetworkNamespace.create();
    await namespace[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    return `no network namespace can be made (it takes root and ip): ${
      error instanceof Error ? error.message : error
    }`;
  }
}

/** A network namespace of our own; deleted at the end of its scope. */
export class NetworkNamespace implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes one. Its interfaces are up, and silent: no IPv6, no addresses. */
  static async create(): Promise<NetworkNamespace> {
    // Tests that run in parallel are threads of one process.
    const namespace = new NetworkNamespace(`caracal-test-${crypto.randomUUID().slice(0, 8)}`);
    await run("ip", "netns", "add", namespace.name);
    try {
      const quiet = ["all", "default"].map((each) => `net.ipv6.conf.${each}.disable_ipv6=1`);
      await namespace.run("sysctl", "-qw", ...quiet);
      await namespace.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
      for (const end of ["va", "vb"]) await namespace.run("ip", "link", "set", end, "up");
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
    return namespace;
  }

  /** Runs a command in it; its standard output. */
  run(command: string, ...args: string[]): Promise<string> {
    return run("ip", "netns", "exec", this.name, command, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("ip", "netns", "del", this.name);
  }
}
