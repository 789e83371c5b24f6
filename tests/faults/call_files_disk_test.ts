/**
 * A disk that fills up while `sniff voip` writes a file per call.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fixture, fixtureObstacle } from "../end_to_end/capture_file.ts";
import { messagesIn } from "../end_to_end/output.ts";
import { Folder, missingCommand, run } from "../end_to_end/program.ts";

const isRoot = Deno.uid() === 0;
const obstacle = fixtureObstacle("voip-udp.pcap") ?? missingCommand("unshare", "mount") ??
  (isRoot ? undefined : "right to mount a disk");
if (obstacle !== undefined) console.log(`full disks under files of calls are not tested: ${obstacle}`);

Deno.test({
  name: "files of calls: a full disk ends the run with the file's name and the summary, exit code 1",
  ignore: obstacle !== undefined,
  async fn() {
    using folder = new Folder();
    const disk = folder.file("disk");
    Deno.mkdirSync(disk);
    const perCall = ["--per-call-pcap", "--per-call-pcap-dir", `${disk}/calls`];
    for (const flags of [["-w", `${disk}/calls/`], perCall, [...perCall, "--single-thread"]]) {
      // The mount is gone with its namespace.
      const mounted = `mount -t tmpfs -o size=8k none ${disk} && exec "$@"`;
      const { code, stderr } = await run([
        "sniff",
        "voip",
        "-r",
        fixture("voip-udp.pcap"),
        "--quiet",
        ...flags,
      ], {
        permissions: ["--allow-ffi", "--allow-read", "--allow-write"],
        through: ["unshare", "--mount", "bash", "-c", mounted, "bash"],
      });
      assert.equal(code, 1, stderr);
      const [message, ...others] = messagesIn(stderr);
      assert.match(message ?? "", /^caracal: writing to .*\/calls\/.*\.pcap failed: No space left/);
      assert.deepEqual(others, []);
      assert.match(stderr, /^[\d,]+ packets, [^]*^calls: SIP messages [1-9]/m);
      assert.match(stderr, /^dropped: output failed or too slow [1-9]/m);
    }
  },
});
