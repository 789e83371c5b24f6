import { NetworkNamespace } from "../live/namespace.ts";

/**
 * Runs a Deno program in a network namespace of its own, with the veth pair `va` and `vb` and loopback up, which is
 * removed in any case. Resolves with the exit code.
 */
export async function runInNamespace(program: string, args: readonly string[]): Promise<number> {
  await using namespace = await NetworkNamespace.create();
  await namespace.run("ip", "link", "set", "lo", "up");
  const child = new Deno.Command("ip", {
    args: ["netns", "exec", namespace.name, Deno.execPath(), "run", "--allow-all", program, ...args],
  }).spawn();
  const interrupt = () => {
    try {
      child.kill("SIGINT");
    } catch {
      // It has ended.
    }
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  try {
    return (await child.status).code;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, interrupt);
  }
}
