/** Certificates exchanged under load, with real programs. */
import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import {
  authority,
  canMakeCertificates,
  certificate,
  file,
  openssl,
  testWithCertificates,
} from "../control_plane/certificates.ts";
import { Link } from "../control_plane/loopback.ts";
import { summaryIn, sumOf } from "../end_to_end/output.ts";
import { pause } from "../end_to_end/program.ts";
import { NumberedScene } from "./numbered_scene.ts";

const subjects = "DNS:localhost,IP:127.0.0.1";
if (canMakeCertificates) {
  await authority("old-ca");
  await authority("new-ca");
  for (const age of ["old", "new"]) {
    await certificate(`${age}-processor`, `${age}-ca`, subjects);
    await certificate(`${age}-hunter`, `${age}-ca`, subjects);
  }
  const both = await Promise.all(["old-ca", "new-ca"].map((name) => Deno.readTextFile(file(`${name}.pem`))));
  await Deno.writeTextFile(file("both.pem"), both.join(""));
}

/** Puts the pair of this age in the place of the one in use. */
async function use(age: "old" | "new"): Promise<void> {
  for (const name of ["processor", "hunter"]) {
    for (const kind of ["pem", "key"]) {
      // In one step, as those who care do it.
      await Deno.copyFile(file(`${age}-${name}.${kind}`), file(`next.${kind}`));
      await Deno.rename(file(`next.${kind}`), file(`${name}.${kind}`));
    }
  }
}

const flags = (name: string) => [
  ...["--tls-cert", file(`${name}.pem`), "--tls-key", file(`${name}.key`), "--tls-ca", file("both.pem")],
];

testWithCertificates(
  "certificates of both sides are exchanged under load: nothing is lost, nothing comes twice",
  async () => {
    await use("old");
    using scene = new NumberedScene({
      processor: [...flags("processor"), "--tls-client-auth"],
      hunter: flags("hunter"),
    });
    await using processor = await scene.processor(scene.folder.file("out.pcap"));
    const link = new Link(Number(scene.address.split(":")[1]));
    scene.target = `127.0.0.1:${link.port}`;
    await using hunter = scene.hunter();
    await hunter.said(/registered/);
    let going = true;
    const feeding = (async () => {
      for (; going; await pause(20)) await scene.feed(hunter, 500);
    })();
    const issuer = async () => {
      const words = ["s_client", "-connect", scene.address, "-alpn", "h2"];
      return /issuer=CN ?= ?(\S+)/.exec(await openssl(...words))?.[1];
    };
    assert.equal(await issuer(), "old-ca");
    await use("new");
    for (const deadline = Date.now() + 30_000; await issuer() !== "new-ca";) {
      assert.ok(Date.now() < deadline, `the processor keeps its old certificate:\n${processor.stderr}`);
      await pause(200);
    }
    assert.equal(hunter.stderr.match(/registered/g)?.length, 1, "the connection has gone on");
    const before = hunter.stderr.length;
    link.cut();
    await hunter.said(/registered/, before);
    await pause(500);
    going = false;
    await feeding;
    await hunter.closeInput();
    const { code, stderr } = await hunter.ended();
    assert.equal(code, 0, stderr);
    assert.equal(sumOf(summaryIn(stderr).drops), 0);
    assert.equal((await processor.interrupt()).code, 0);
    await link.close();
    assert.equal(scene.assertAllArrived(), 0);
  },
);
