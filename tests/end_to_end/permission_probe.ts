/**
 * Runs the program with its arguments, and at each SIGUSR2 prints a line to standard error: what Deno still grants to
 * it, and what it can still do.
 */
const kinds = ["env", "sys", "run", "import", "read", "write", "net", "ffi"] as const;

function canDo(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

Deno.addSignalListener("SIGUSR2", () => {
  const granted = kinds.filter((name) => Deno.permissions.querySync({ name }).state === "granted");
  const can = {
    readFile: canDo(() => Deno.readTextFileSync("/etc/hostname")),
    writeFile: canDo(() => Deno.removeSync(Deno.makeTempFileSync())),
    runProgram: canDo(() => new Deno.Command("true").outputSync()),
    readEnvironment: canDo(() => Deno.env.get("PATH")),
    listen: canDo(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close()),
    openLibrary: canDo(() => Deno.dlopen("libc.so.6", {}).close()),
  };
  Deno.stderr.writeSync(new TextEncoder().encode(`probe ${JSON.stringify({ granted, can })}\n`));
});
// Its first line of work, so that a test knows when signals are heard.
await import("../../main.ts");
