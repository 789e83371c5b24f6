import assert from "node:assert/strict";
import { captureOf, dnsRecords, fixtureObstacle, repeated } from "./capture_file.ts";
import { Child, Folder, mainModule, pause, start } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap") ??
  (Deno.build.os === "windows" ? "Windows has no such signals" : undefined);
if (obstacle !== undefined) console.log(`tests of signals are skipped: ${obstacle}`);

function signalTest(name: string, fn: (folder: Folder) => Promise<void>): void {
  Deno.test({
    name: `signals: ${name}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      using folder = new Folder();
      await fn(folder);
    },
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  signalTest(
    `${signal} while an output takes nothing waits for it; the second ${signal} ends at once`,
    async (folder) => {
      const path = folder.file(
        "large.pcap",
        captureOf(repeated({ linkType: 1, records: dnsRecords() }, 100)),
      );
      const deno = [Deno.execPath(), "run", "--no-prompt", `--allow-read=${path}`, mainModule];
      // The shell's child writes into a pipe that nobody reads, and its number is what is to be signalled.
      const script = `("$@" & echo $! >&3; wait $!; echo "code $?" >&3) 3>&2 2>/dev/null | sleep 8`;
      await using shell = new Child(["sh", "-c", script, "sh", ...deno, "sniff", "dns", "-r", path]);
      const [, pid = ""] = await shell.said(/^(\d+)$/m);
      await pause(2_000);
      // A shell has its children in the background ignore SIGINT; the program listens all the same.
      Deno.kill(Number(pid), signal);
      await pause(1_000);
      assert.doesNotMatch(shell.stderr, /code/);
      Deno.kill(Number(pid), signal);
      const [, code] = await shell.said(/code (\d+)/);
      assert.equal(Number(code), 128 + (signal === "SIGINT" ? 2 : 15));
    },
  );
}

const services: readonly [name: string, args: readonly string[], begun: RegExp | undefined][] = [
  ["sniff", ["sniff", "dns", "-r", "-"], undefined],
  ["hunt with the embedded processor", ["hunt", "dns", "-r", "-"], undefined],
  [
    "hunt that waits for its processor",
    ["hunt", "dns", "-r", "-", "-P", "127.0.0.1:9", "--insecure"],
    /trying/,
  ],
  ["tap", ["tap", "dns", "-r", "-", "--insecure", "--listen", "127.0.0.1:0"], /listening/],
  ["process", ["process", "--insecure", "--listen", "127.0.0.1:0"], /listening/],
];
for (const [name, args, begun] of services) {
  signalTest(`SIGHUP does not end ${name}, SIGTERM does`, async () => {
    await using child = start(args, {
      permissions: ["--allow-net", "--allow-sys=hostname", "--allow-env=CARACAL_LOG_LEVEL"],
      env: { CARACAL_LOG_LEVEL: "DEBUG" },
      fed: true,
    });
    const waits = name.includes("waits");
    await child.said(begun ?? /permissions kept/);
    if (!waits) await child.said(/permissions kept/);
    const from = child.stderr.length;
    child.signal("SIGHUP");
    if (waits) await pause(500);
    else await child.said(/there is no configuration file to read again; no setting changed/, from);
    assert.ok(child.running);
    child.signal("SIGTERM");
    const { code, signal, stderr } = await child.ended();
    assert.equal(signal, null);
    assert.equal(code, waits ? 1 : 0, stderr);
  });
}

signalTest("a signal before anything is open ends the program at once", async (folder) => {
  const pipe = folder.file("pipe");
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  await using sniff = start(["sniff", "-r", pipe, "-q"], { permissions: ["--allow-read", "--allow-env"] });
  // Nobody writes to it, so it never opens.
  await pause(1_500);
  sniff.signal("SIGTERM");
  await pause(500);
  sniff.signal("SIGTERM");
  const { code, stderr } = await sniff.ended();
  assert.ok(code === 0 || code === 143, stderr);
});
