import assert from "node:assert/strict";
import {
  captureOf,
  type CaptureRecord,
  dnsRecords,
  fileHeader,
  fixture,
  fixtureObstacle,
  readCapture,
  recordOf,
} from "./capture_file.ts";
import { summaryIn, sumOf } from "./output.ts";
import { type Child, concatenated, Folder, pause, run, start } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap");
if (obstacle !== undefined) console.log(`tests of the disk buffer are skipped: ${obstacle}`);

const permissions = ["--allow-ffi", "--allow-net", "--allow-read", "--allow-write"];

/** Hunters for a processor that is started later, and their disk buffer. */
class Scene implements Disposable {
  readonly folder = new Folder();
  /** Nobody listens there yet: the port was free a moment ago. */
  readonly address: string;

  constructor() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${listener.addr.port}`;
    listener.close();
  }

  hunt(mode: string, path: string): string[] {
    const buffer = [
      "--disk-buffer",
      "--disk-buffer-dir",
      this.folder.file("buffer"),
      "--disk-buffer-mode",
      mode,
    ];
    return ["hunt", "dns", "-r", path, "-P", this.address, "--insecure", "--id", "edge", "--json", ...buffer];
  }

  /** A processor that writes what arrives, listening. */
  async processor(written: string): Promise<Child> {
    const args = [
      "process",
      "--insecure",
      "--id",
      "central",
      "--listen",
      this.address,
      "-w",
      written,
      "--quiet",
    ];
    const processor = start(args, { permissions, limitMs: 60_000 });
    await processor.said(/listening on/);
    return processor;
  }

  /** What a later run delivers, besides a capture without packets. */
  async deliverRest(mode: string): Promise<readonly CaptureRecord[]> {
    const written = this.folder.file("out.pcap");
    await using processor = await this.processor(written);
    const empty = this.folder.file("empty.pcap", captureOf({ linkType: 1, records: [] }));
    const { code, stderr } = await run(this.hunt(mode, empty), { permissions });
    assert.equal(code, 0, stderr);
    assert.equal(summaryIn(stderr).delivery?.on_disk, 0);
    assert.equal((await processor.interrupt()).code, 0);
    return readCapture(written).records;
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

for (const mode of ["write-ahead", "overflow"]) {
  Deno.test({
    name: `disk buffer, ${mode}: a file that is read without a processor arrives with the next run, once`,
    ignore: obstacle !== undefined,
    async fn() {
      using scene = new Scene();
      const { code, stderr } = await run(scene.hunt(mode, fixture("dns.pcap")), { permissions });
      assert.equal(code, 0, stderr);
      const records = dnsRecords();
      const { delivery, drops, kept } = summaryIn(stderr);
      assert.deepEqual([kept, delivery?.acknowledged, delivery?.on_disk], [
        records.length,
        0,
        records.length,
      ]);
      assert.equal(sumOf(drops), 0);
      assert.match(
        stderr,
        new RegExp(`${records.length} packets \\([0-9]+ batches\\) stay in the disk buffer`),
      );
      assert.deepEqual(await scene.deliverRest(mode), records);
      assert.deepEqual(await scene.deliverRest(mode), [], "nothing is left");
    },
  });
}

Deno.test({
  name: "disk buffer, write-ahead: a killed hunter loses nothing that it had taken",
  ignore: obstacle !== undefined,
  async fn() {
    using scene = new Scene();
    const records = dnsRecords();
    await using hunter = start(scene.hunt("write-ahead", "-"), { permissions, fed: true });
    await hunter.feed(fileHeader(1));
    await hunter.said(/is not reached/);
    await hunter.feed(concatenated(records.map(recordOf)));
    // The last batch is closed after its time; on disk, a batch is as long as what it says, and a little more.
    const size = () => {
      const files = [...Deno.readDirSync(scene.folder.file("buffer"))].filter(({ name }) =>
        name.endsWith(".segment")
      );
      return files.reduce(
        (sum, { name }) => sum + Deno.statSync(scene.folder.file(`buffer/${name}`)).size,
        0,
      );
    };
    for (let [before, same] = [0, 0]; same < 10;) {
      await pause(100);
      const now = size();
      same = now > 0 && now === before ? same + 1 : 0;
      before = now;
    }
    hunter.signal("SIGKILL");
    await hunter.ended();
    assert.deepEqual(await scene.deliverRest("write-ahead"), records);
  },
});

Deno.test({
  name: "disk buffer: a signal does not wait for a processor that is not there, and nothing is lost",
  ignore: obstacle !== undefined,
  async fn() {
    using scene = new Scene();
    const records = dnsRecords();
    await using hunter = start([...scene.hunt("overflow", "-"), "--shutdown-timeout", "1h"], {
      permissions,
      fed: true,
    });
    await hunter.feed(fileHeader(1));
    await hunter.said(/is not reached/);
    await hunter.feed(concatenated(records.map(recordOf)));
    await pause(1_000);
    const { code, stderr } = await hunter.interrupt();
    assert.equal(code, 0, stderr);
    // However far it had come.
    const { kept, delivery, drops } = summaryIn(stderr);
    assert.ok(kept > 0, stderr);
    assert.deepEqual([delivery?.on_disk, sumOf(drops)], [kept, 0]);
    assert.deepEqual(await scene.deliverRest("overflow"), records.slice(0, kept));
  },
});
