import { deepEqual, equal, match, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { FileSource } from "./file_source.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Bytes that neither repeat nor compress well: a sequence of the Lehmer generator. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) bytes[i] = (state = state * 48271 % 0x7fffffff) >>> 7;
  return bytes;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = `${folder}/${name}`;
  await Deno.writeFile(path, bytes);
  return path;
}

/** Not deepEqual, which takes minutes to show a difference. */
function equalBytes(actual: Uint8Array, expected: Uint8Array, message = "bytes differ"): void {
  equal(actual.length, expected.length, message);
  equal(Buffer.compare(actual, expected), 0, message);
}

interface Reading {
  readonly bytes: Uint8Array;
  readonly notices: string[];
  readonly direct: boolean;
}

/** All that a source gives. */
async function readAll(path: string): Promise<Reading> {
  const source = new FileSource(path);
  await source.open();
  const parts: Uint8Array[] = [];
  for (let block; (block = await source.next()) !== null;) parts.push(block.slice());
  const reading = { bytes: join(...parts), notices: source.takeNotices(), direct: source.direct };
  source.close();
  source.close();
  equal(await source.next(), null);
  return reading;
}

async function openFailure(path: string): Promise<string> {
  const source = new FileSource(path);
  const message = await source.open().then(() => "opened", (error) => `${error.name}: ${error.message}`);
  source.close();
  return message;
}

Deno.test("a plain file is given whole, directly or in blocks", async () => {
  for (const length of [0, 1, 5, 24, 300_000, 1_000_000]) {
    const bytes = noise(length);
    const path = await file("plain", bytes);
    const reading = await readAll(path);
    equalBytes(reading.bytes, bytes);
    deepEqual({ ...reading, bytes }, { bytes, notices: [], direct: true });

    const source = new FileSource(path);
    equal(source.direct, false);
    await source.open();
    const buffer = new Uint8Array(70_000);
    const parts: Uint8Array[] = [];
    for (let count; (count = source.readSync(buffer)) !== null;) parts.push(buffer.slice(0, count));
    equalBytes(join(...parts), bytes);
    source.close();
  }
});

Deno.test("gzip of any number of members is decompressed", async () => {
  const first = noise(200_000), second = noise(70_000);
  const cases: [string, Uint8Array, Uint8Array][] = [
    ["one.gz", await gzip(first), first],
    ["two.gz", join(await gzip(first), await gzip(second)), join(first, second)],
    ["none.gz", await gzip(new Uint8Array()), new Uint8Array()],
    ["padded.gz", join(await gzip(second), new Uint8Array(512)), second],
  ];
  for (const [name, compressed, bytes] of cases) {
    const reading = await readAll(await file(name, compressed));
    equalBytes(reading.bytes, bytes, name);
    deepEqual({ ...reading, bytes }, { bytes, notices: [], direct: false }, name);
  }
});

Deno.test("of a gzip stream that is cut short, all that can be decompressed is given, with a notice", async () => {
  const bytes = noise(300_000);
  const compressed = await gzip(bytes);
  for (const kept of [3, 12, 100, 65_536, 150_000, compressed.length - 9, compressed.length - 4]) {
    const path = await file("cut.gz", compressed.subarray(0, kept));
    const { bytes: read, notices } = await readAll(path);
    equalBytes(read, bytes.subarray(0, read.length));
    // Deflate's stored and coded blocks lag behind by a few hundred bytes at most.
    equal(read.length > kept - 1000, true, `${kept} bytes gave ${read.length}`);
    deepEqual(notices, [
      `${path}: the gzip stream is cut short or corrupt (unexpected end of file): read up to there`,
    ]);
  }
});

Deno.test("of a corrupt gzip stream, all up to the damage is given, with a notice", async () => {
  const bytes = noise(300_000);
  const wrongChecksum = await gzip(bytes);
  wrongChecksum[wrongChecksum.length - 6]! ^= 1;
  const cases: [string, Uint8Array, string][] = [
    ["checksum.gz", wrongChecksum, "incorrect data check"],
    ["trailing.gz", join(await gzip(bytes), noise(100)), "incorrect header check"],
  ];
  for (const [name, compressed, reason] of cases) {
    const path = await file(name, compressed);
    const { bytes: read, notices } = await readAll(path);
    equalBytes(read, bytes, name);
    deepEqual(notices, [`${path}: the gzip stream is cut short or corrupt (${reason}): read up to there`]);
  }
});

Deno.test("other compressions are refused by name", async () => {
  const cases: [string, number[], string][] = [
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd, 0, 0], "zstd -dc"],
    ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz -dc"],
    ["bzip2", [0x42, 0x5a, 0x68, 0x39, 0, 0], "bzip2 -dc"],
    ["lz4", [0x04, 0x22, 0x4d, 0x18, 0, 0], "lz4 -dc"],
  ];
  for (const [name, magic, command] of cases) {
    const path = await file("compressed", Uint8Array.from(magic));
    equal(
      await openFailure(path),
      `OperatorError: ${path} is compressed with ${name}: decompress it first (${command} ${path} | ... -r -)`,
    );
  }
});

Deno.test("what is no readable file is named", async () => {
  equal(await openFailure(folder), `OperatorError: ${folder} is a directory, not a capture file`);
  equal(await openFailure(`${folder}/missing`), `OperatorError: ${folder}/missing: no such file`);
  match(await openFailure(`${await file("plain", noise(1))}/x`), /^OperatorError: .*: cannot open it: /);
});

Deno.test({
  name: "without read permission, the flag is named",
  permissions: { read: false },
  fn: async () => {
    equal(
      await openFailure("x.pcap"),
      "OperatorError: reading x.pcap needs permission: add --allow-read=x.pcap to the deno command",
    );
  },
});

Deno.test("a FIFO is read as it fills, with empty blocks while nothing comes", async () => {
  const path = `${folder}/fifo`;
  const made = await new Deno.Command("mkfifo", { args: [path] }).output();
  equal(made.success, true);
  const source = new FileSource(path);
  const [writer] = await Promise.all([Deno.open(path, { write: true }), source.open()]);
  equal(source.direct, false);
  equal((await source.next())?.length, 0);
  const bytes = noise(100);
  for (const part of [bytes.subarray(0, 3), bytes.subarray(3, 50), bytes.subarray(50)]) {
    await writer.write(part);
    const arrived: Uint8Array[] = [];
    // The first three bytes are held back: they do not tell the compression yet.
    const expected = part.length === 3
      ? new Uint8Array()
      : part.byteOffset === 3
      ? bytes.subarray(0, 50)
      : part;
    while (arrived.reduce((sum, each) => sum + each.length, 0) < expected.length) {
      arrived.push((await source.next())!.slice());
    }
    deepEqual(join(...arrived), expected);
  }
  writer.close();
  equal(await source.next(), null);
  source.close();
});

Deno.test("standard input is read, plain and gzip", async () => {
  const script = fileURLToPath(new URL("../../tests/print_standard_input_source.ts", import.meta.url));
  const bytes = noise(100_000);
  const cases: [Uint8Array, string][] = [
    [bytes, "100000 bytes, no notices"],
    [await gzip(bytes), "100000 bytes, no notices"],
    [new Uint8Array(), "0 bytes, no notices"],
    [(await gzip(bytes)).subarray(0, 20), "standard input: the gzip stream is cut short or corrupt"],
    [
      Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
      "OperatorError: standard input is compressed with xz: decompress it first (xz -dc | ... -r -)",
    ],
  ];
  for (const [input, expected] of cases) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    // A child that refuses its input does not read it all.
    await writer.write(input).then(() => writer.close()).catch(() => {});
    const output = new TextDecoder().decode((await child.output()).stdout);
    equal(output.includes(expected), true, output);
  }
});

Deno.test("what only an interface can do is refused", async () => {
  const source = new FileSource(await file("one.gz", await gzip(noise(10))));
  await source.open();
  throws(() => source.readSync(new Uint8Array(10)), { name: "OperatorError" });
  throws(() => source.setFilter(), { name: "OperatorError" });
  equal(source.kernelCounters(), undefined);
  source.close();
});

Deno.test({
  name: "a file that cannot be read is named",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    // Its first page is not mapped.
    match(await openFailure("/proc/self/mem"), /^OperatorError: \/proc\/self\/mem: cannot read it: /);
  },
});
