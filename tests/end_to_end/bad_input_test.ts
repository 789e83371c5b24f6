import assert from "node:assert/strict";
import { fixture, fixtureObstacle, parseCapture, readCapture } from "./capture_file.ts";
import { packetsIn, summaryIn } from "./output.ts";
import { Folder, linesOf, type Outcome, run } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap", "dns.pcap.gz", "dns.pcapng", "dns-any.pcap");
if (obstacle !== undefined) console.log(`bad input tests are skipped: ${obstacle}`);

function badInputTest(name: string, fn: (folder: Folder) => Promise<void>): void {
  Deno.test({
    name: `bad input: ${name}`,
    ignore: obstacle !== undefined,
    fn: async () => {
      using folder = new Folder();
      await fn(folder);
    },
  });
}

const dns = fixture("dns.pcap");

function sniff(...paths: string[]): Promise<Outcome> {
  return run(["sniff", "--json", ...paths.flatMap((path) => ["-r", path])], {
    permissions: ["--allow-ffi", "--allow-read"],
  });
}

/** What the program said about an input; lines of the log are JSON with `--json`. */
function complaints(stderr: string, name: string): string[] {
  return linesOf(stderr).map((line) => JSON.parse(line).message ?? "").filter((message) =>
    message.includes(name)
  );
}

/** Bytes that are no capture, each under a name. */
const notCaptures: readonly [name: string, content: Uint8Array | string][] = [
  ["text.pcap", "This is a text, and no capture, for as long as it goes on.\n"],
  ["empty.pcap", ""],
  ["zeros.pcap", new Uint8Array(4096)],
  ["short.pcap", Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0)],
  ["elf.pcapng", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0)],
];

for (const [name, content] of notCaptures) {
  badInputTest(`${name} is no capture`, async (folder) => {
    const path = folder.file(name, content);
    const { code, stdout, stderr } = await sniff(path);
    assert.equal(code, 1, stderr);
    assert.equal(stdout.length, 0);
    const said = complaints(stderr, path);
    assert.equal(said.length, 1, stderr);
    assert.match(said[0] ?? "", /not a capture file/);
    assert.equal(summaryIn(stderr).packets, 0);
  });
}

badInputTest("a file that is not there, and a folder", async (folder) => {
  for (
    const [path, reason] of [[folder.file("missing.pcap"), /no such file/], [
      folder.path,
      /directory/,
    ]] as const
  ) {
    const { code, stdout, stderr } = await sniff(path);
    assert.equal(code, 1, stderr);
    assert.equal(stdout.length, 0);
    const said = complaints(stderr, path);
    assert.equal(said.length, 1, stderr);
    assert.match(said[0] ?? "", reason);
  }
});

badInputTest("a capture that is cut short is read up to there", async (folder) => {
  const bytes = Deno.readFileSync(dns);
  for (const length of [24 + 10, 5000, bytes.length - 1]) {
    const path = folder.file("cut.pcap", bytes.subarray(0, length));
    const { code, stdout, stderr } = await sniff(path);
    assert.equal(code, 0, stderr);
    const whole = parseCapture(bytes.subarray(0, length), true).records.length;
    assert.equal(packetsIn(stdout).length, whole);
    assert.equal(complaints(stderr, path).length, 1, stderr);
    const summary = summaryIn(stderr);
    assert.equal(summary.packets, whole);
    assert.equal(summary.drops.truncated_records, 1);
  }
});

badInputTest("a gzip stream that is cut short is read up to there", async (folder) => {
  const bytes = Deno.readFileSync(fixture("dns.pcap.gz"));
  const path = folder.file("cut.pcap.gz", bytes.subarray(0, bytes.length >> 1));
  const { code, stdout, stderr } = await sniff(path);
  assert.equal(code, 0, stderr);
  const packets = packetsIn(stdout);
  const { records } = readCapture(dns);
  assert.ok(packets.length > 10 && packets.length < records.length, `${packets.length} packets`);
  assert.equal(complaints(stderr, "gzip").length, 1, stderr);
  assert.equal(summaryIn(stderr).packets, packets.length);
});

/** Where the blocks of a little-endian pcapng file begin. */
function blocksOf(bytes: Uint8Array): { type: number; at: number; length: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocks = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at + 4, true);
    blocks.push({ type: view.getUint32(at, true), at, length });
    at += length;
  }
  return blocks;
}

const enhancedPacket = 6;

badInputTest("a pcapng file with a corrupt block is read as far as it is true", async (folder) => {
  const bytes = Deno.readFileSync(fixture("dns.pcapng"));
  const packetBlocks = blocksOf(bytes).filter(({ type }) => type === enhancedPacket);
  const broken = packetBlocks[20];
  assert.ok(broken);
  const damages: readonly [name: string, (view: DataView) => void][] = [
    [
      "a total length that is no multiple of four",
      (view) => view.setUint32(broken.at + 4, 0x7fff_fff1, true),
    ],
    ["a total length of zero", (view) => view.setUint32(broken.at + 4, 0, true)],
    ["a captured length beyond the block", (view) => view.setUint32(broken.at + 20, 0x00ff_ffff, true)],
    ["an interface that is not there", (view) => view.setUint32(broken.at + 8, 99, true)],
  ];
  for (const [name, damage] of damages) {
    const copy = bytes.slice();
    damage(new DataView(copy.buffer));
    const path = folder.file("corrupt.pcapng", copy);
    const { code, stdout, stderr } = await sniff(path);
    assert.equal(code, 0, `${name}: ${stderr}`);
    const packets = packetsIn(stdout);
    assert.ok(
      packets.length >= 20 && packets.length < packetBlocks.length,
      `${name}: ${packets.length} packets`,
    );
    assert.equal(complaints(stderr, path).length, 1, `${name}: ${stderr}`);
    const { drops, faults } = summaryIn(stderr);
    const counted = [drops.bad_blocks, drops.bad_records, drops.truncated_records, drops.unknown_interfaces];
    assert.ok(counted.some((count) => count !== 0) || faults.skipped_bytes !== 0, `${name}: ${stderr}`);
  }
});

badInputTest("good files around a bad one are read, exit code 1", async (folder) => {
  const bad = [
    folder.file("text.pcap", "no capture"),
    folder.file("missing.pcap"),
    folder.path,
    folder.file("empty.pcap", ""),
  ];
  const good = [dns, fixture("dns-any.pcap")];
  const expected = good.flatMap((path) => readCapture(path).records).length;
  for (const path of bad) {
    const { code, stdout, stderr } = await sniff(dns, path, fixture("dns-any.pcap"));
    assert.equal(code, 1, stderr);
    assert.equal(packetsIn(stdout).length, expected);
    assert.equal(summaryIn(stderr).packets, expected);
    assert.equal(complaints(stderr, path).length, 1, stderr);
  }
});
