import assert from "node:assert/strict";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { namespaceObstacle, NetworkNamespace } from "../live/namespace.ts";
import { numbersTo, range, reload, sendNumbered } from "./live_run.ts";
import { eventually, Folder, pause, run, start } from "./program.ts";

const user = "nobody";

/** Its user and group number; undefined where there is no such user. */
const ids = /^nobody:[^:]*:(\d+):(\d+):/m.exec(Deno.readTextFileSync("/etc/passwd"))?.slice(1);
const obstacle = libpcapObstacle() ?? await namespaceObstacle() ??
  (Deno.build.os !== "linux" || ids === undefined ? "it takes Linux and the user nobody" : undefined);
if (obstacle !== undefined) console.log(`tests of --user are skipped: ${obstacle}`);

function userTest(name: string, fn: (folder: Folder, namespace: NetworkNamespace) => Promise<void>): void {
  Deno.test({
    name: `--user: ${name}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      await using namespace = await NetworkNamespace.create();
      using folder = new Folder();
      Deno.chmodSync(folder.path, 0o755);
      await fn(folder, namespace);
    },
  });
}

/** What the kernel says of each thread of a process. */
function threads(pid: number): Record<string, string>[] {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    return Object.fromEntries(
      status.trimEnd().split("\n").map((line) => {
        const [key = "", value = ""] = line.split(":\t");
        return [key, value.trim()];
      }),
    );
  });
}

userTest(
  "capture goes on with nothing of root's rights, in any thread, and filters change",
  async (folder, namespace) => {
    const config = folder.file("config.yaml", 'sniff:\n  bpf_filter: "udp port 1000"\n');
    const out = folder.file("out.pcap");
    const through = ["ip", "netns", "exec", namespace.name];
    await using sniff = start(
      ["sniff", "-i", "vb", "-c", config, "-w", out, "-q", "--pcap-timeout", "20", "--user", user],
      { permissions: ["--allow-ffi", "--allow-read", `--allow-write=${out}`], through },
    );
    await sniff.said(/running as user nobody \(uid \d+, gid \d+\)/);
    const [uid, gid] = ids ?? [];
    const all = threads(sniff.pid);
    assert.ok(all.length > 1);
    for (const thread of all) {
      assert.equal(thread.Uid, Array(4).fill(uid).join("\t"));
      assert.equal(thread.Gid, Array(4).fill(gid).join("\t"));
      assert.deepEqual(new Set(thread.Groups?.split(" ")), new Set([gid]));
      for (const set of ["CapEff", "CapPrm", "CapAmb"]) assert.match(thread[set] ?? "", /^0+$/, set);
    }
    assert.equal(all.find(({ Pid }) => Pid === String(sniff.pid))?.NoNewPrivs, "1");

    const rounds = 10_000;
    const sender = sendNumbered(through, [1000, 2000], rounds);
    await eventually("a part is written", () => Deno.statSync(out).size > 10_000);
    Deno.writeTextFileSync(config, 'sniff:\n  bpf_filter: "udp port 1000 or udp port 2000"\n');
    await reload(sniff, /in force: --filter$/m);
    await sender;
    await pause(300);
    Deno.chmodSync(config, 0o600);
    await reload(sniff, /config\.yaml: .*denied.*; all settings stay as they were/i);
    const { code, stderr } = await sniff.interrupt();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^0 dropped$/m);
    assert.deepEqual(numbersTo(1000, out), range(0, rounds));
    const [first = 0] = numbersTo(2000, out);
    assert.ok(first > 0);
    assert.deepEqual(numbersTo(2000, out), range(first, rounds));
  },
);

userTest(
  "an interface that went away and came back cannot be opened again: the run ends, and says so",
  async (folder, namespace) => {
    await using sniff = start(["sniff", "-i", "vb", "-w", folder.file("out.pcap"), "-q", "--user", user], {
      through: ["ip", "netns", "exec", namespace.name],
    });
    await sniff.said(/running as user/);
    await namespace.run("ip", "link", "del", "va");
    await sniff.said(/vb: .*trying to open it again/);
    await namespace.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
    for (const end of ["va", "vb"]) await namespace.run("ip", "link", "set", end, "up");
    const { code, stderr } = await sniff.ended();
    assert.match(
      stderr,
      /^caracal: error: vb is back, and cannot be opened again without root's rights: start/m,
    );
    assert.equal(code, 1, stderr);
  },
);

const refused: readonly [
  name: string,
  args: readonly string[],
  permissions: readonly string[],
  says: RegExp,
  code: number,
][] = [
  ["an unknown user", ["--user", "no-such-user"], ["--allow-ffi"], /no user no-such-user/, 2],
  ["an unknown group", ["--user", "nobody:no-such-group"], ["--allow-ffi"], /no group no-such-group/, 2],
  ["a number without a group", ["--user", "4000000"], ["--allow-ffi"], /--user 4000000:group/, 2],
  ["root", ["--user", "root"], ["--allow-ffi"], /that is root/, 2],
  ["too many parts", ["--user", "a:b:c"], ["--allow-ffi"], /user:group/, 2],
  ["no FFI", ["--user", user], [], /--allow-ffi/, 1],
];
for (const [name, args, permissions, says, code] of refused) {
  userTest(`${name} is refused before anything is captured`, async () => {
    const outcome = await run(["sniff", "-r", "-", "-q", ...args], { permissions, input: new Uint8Array() });
    assert.match(outcome.stderr, says);
    assert.equal(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
    assert.equal(outcome.code, code);
  });
}

userTest(
  "a disk buffer is handed over, and goes on after a restart; what else is in its folder is not",
  async (folder, namespace) => {
    const [uid] = ids ?? [];
    const spool = folder.file("spool");
    const hunt = () =>
      start(
        ["hunt", "-i", "vb", "-P", "127.0.0.1:9", "--insecure", "--id", "edge", "--no-filter-policy", "allow"]
          .concat("--disk-buffer", "--disk-buffer-mode", "write-ahead", "--disk-buffer-dir", spool)
          .concat("--shutdown-timeout", "500", "--user", user),
        {
          permissions: ["--allow-ffi", "--allow-net", "--allow-read", `--allow-write=${spool}`],
          through: ["ip", "netns", "exec", namespace.name],
        },
      );
    for (let run = 1; run <= 2; run++) {
      await using hunter = hunt();
      await hunter.said(/running as user nobody/);
      await sendNumbered(["ip", "netns", "exec", namespace.name], [1000], 500);
      await pause(500);
      const { stderr } = await hunter.interrupt();
      assert.doesNotMatch(stderr, /denied|cannot/i);
      assert.match(stderr, new RegExp(`in the disk buffer ${(500 * run).toLocaleString("en-US")}`), stderr);
      for (const { name } of Deno.readDirSync(spool)) {
        assert.equal(String(Deno.lstatSync(`${spool}/${name}`).uid), uid, name);
      }
    }

    Deno.chownSync(spool, 0, 0);
    Deno.writeTextFileSync(`${spool}/other`, "");
    await using hunter = hunt();
    const { code, stderr } = await hunter.ended();
    assert.equal(code, 1);
    assert.match(
      stderr,
      /spool cannot be (read|written) any more as user nobody \(--user\): /,
    );
    assert.equal(Deno.lstatSync(`${spool}/other`).uid, 0);
  },
);
