/** `caracal filters check`: a filter file explained, and tried on captures. */
import assert from "node:assert/strict";
import { libpcapObstacle } from "../live/libpcap_library.ts";
import { dnsRecords, fixture, fixtureObstacle, readCapture } from "./capture_file.ts";
import { Folder, linesOf, type Outcome, run, textOf } from "./program.ts";

const obstacle = fixtureObstacle("dns.pcap");
if (obstacle !== undefined) console.log(`tests of filters check are skipped: ${obstacle}`);

const dns = fixture("dns.pcap");

function test(name: string, needsLibpcap: boolean, fn: (folder: Folder) => Promise<void>): void {
  const ignore = obstacle !== undefined || (needsLibpcap && libpcapObstacle() !== undefined);
  Deno.test({
    name: `filters check: ${name}`,
    ignore,
    fn: async () => {
      using folder = new Folder();
      await fn(folder);
    },
  });
}

function check(path: string, flags: readonly string[] = [], withFfi = false): Promise<Outcome> {
  const permissions = [`--allow-read=${path},${dns}`, ...withFfi ? ["--allow-ffi"] : []];
  return run(["filters", "check", path, ...flags], { permissions });
}

const good = `filters:
  - { id: exfil, type: dns_domain, pattern: "*.example.test" }
  - { id: lo, type: ip_address, pattern: 127.0.0.0/8, target_hunters: [edge-1] }
  - { id: off, type: dns_domain, pattern: www.example.test, enabled: false }
  - { id: never, type: dns_domain, pattern: never.test }
`;

test("a good file is explained, line by line, with exit code 0", false, async (folder) => {
  const path = folder.file("filters.yaml", good);
  const { code, stdout, stderr } = await check(path);
  assert.deepEqual([code, stderr], [0, ""]);
  const about = "(questions and answers of DNS)";
  assert.deepEqual(linesOf(stdout), [
    `${path}:2: exfil: dns_domain: domain name ends with .example.test ${about}; for all hunters`,
    `${path}:3: lo: ip_address: source or destination is in 127.0.0.0/8 (of every IP header, tunnels included); for edge-1`,
    `${path}:4: off: dns_domain: domain name is www.example.test ${about}; disabled; for all hunters`,
    `${path}:5: never: dns_domain: domain name is never.test ${about}; for all hunters`,
    `${path}: 4 filters, 1 disabled, 0 errors`,
  ]);
});

test("every problem is told, with its line, and ends with exit code 1", false, async (folder) => {
  const path = folder.file(
    "filters.yaml",
    `filters:
  - { id: a, type: nope, pattern: x }
  - { id: b, type: ip_address, pattern: 10.0.0.256 }
  - { id: c, type: dns_domain, patern: x }
  - { id: d, type: dns_domain, pattern: x.test }
  - { id: d, type: dns_domain, pattern: y.test }
  - { id: e, type: dns_domain, pattern: X.test, enabled: perhaps }
  - { id: "f\\e[31m", type: dns_domain, pattern: X.test }
`,
  );
  const { code, stdout } = await check(path);
  const lines = linesOf(stdout).map((line) => line.replace(`${path}:`, ""));
  assert.equal(code, 1);
  const expected = [
    /^2: error: type "nope" is no filter type; the types are sip_user, /,
    /^3: error: filter b: "10\.0\.0\.256" is neither an IP address/,
    /^4: error: unknown key "patern"$/,
    /^5: d: /,
    /^6: error: filter d is there twice$/,
    /^7: error: enabled must be true or false$/,
    /^8: f\\u001b\[31m: /,
    /^8: hint: f\\u001b\[31m: looks for the same as d \(line 5\)$/,
    /^ 2 filters, 5 errors, 1 hint$/,
  ];
  assert.equal(lines.length, expected.length, lines.join("\n"));
  expected.forEach((pattern, at) => assert.match(lines[at] ?? "", pattern));
  const document = JSON.parse(textOf((await check(path, ["--json"])).stdout));
  assert.deepEqual(document.problems.map(({ line }: { line: number }) => line), [2, 3, 4, 6, 7]);
  assert.deepEqual(document.hints, [{ line: 8, id: "f\x1b[31m", text: "looks for the same as d (line 5)" }]);
});

test("a file that is not there, and a capture that is none", false, async (folder) => {
  const missing = await check(`${folder.path}/none.yaml`);
  assert.deepEqual([missing.code, missing.stderr], [
    1,
    `caracal: ${folder.path}/none.yaml: there is no such filter file\n`,
  ]);
  assert.equal((await run(["filters", "check"])).code, 2);
  const path = folder.file("filters.yaml", good);
  const { code, stdout } = await check(path, ["-r", path]);
  assert.equal(code, 1);
  assert.match(textOf(stdout), /\nerror: .*filters\.yaml.*\n/);
});

test("tried on a capture: what each filter matched, by number, and what none did", false, async (folder) => {
  const path = folder.file("filters.yaml", good);
  const { records } = readCapture(dns);
  const { code, stdout, stderr } = await check(path, ["-r", dns, "--json"]);
  assert.equal(code, 0, stderr);
  const document = JSON.parse(textOf(stdout));
  assert.equal(document.packets, records.length);
  const [exfil, lo, off, never] = document.filters;
  // Addresses and names as they stand in the frames.
  const onLoopback = records.filter(({ frame }) =>
    frame[12] === 8 && (frame[26] === 127 || frame[30] === 127)
  );
  assert.deepEqual([lo.packets, lo.bytes], [
    onLoopback.length,
    onLoopback.reduce((sum, { frame }) => sum + frame.length, 0),
  ]);
  assert.ok(document.matched >= lo.packets && document.matched <= lo.packets + exfil.packets);
  assert.equal(document.matched + document.unmatched, document.packets);
  assert.equal(document.kept, document.matched);
  assert.ok(exfil.packets > 0 && exfil.packets < dnsRecords().length);
  assert.equal(exfil.first.length, 3);
  for (const { packet, timestamp, source, destination, info } of exfil.first) {
    const record = records[packet - 1];
    assert.ok(record);
    const seconds = record.timeNs / 1_000_000_000n;
    assert.equal(timestamp.slice(0, 19), new Date(Number(seconds) * 1000).toISOString().slice(0, 19));
    assert.ok(timestamp.endsWith(`${String(record.timeNs % 1_000_000_000n).padStart(9, "0")}Z`), timestamp);
    assert.match(`${source} ${destination}`, /:53\b/);
    assert.match(info, /example\.test/);
  }
  assert.equal(off.packets, undefined);
  assert.deepEqual([never.packets, never.first, never.packets_with_text], [0, [], 0]);
});

test("filters that find no room are refused as in the run that the flags are of", false, async (folder) => {
  // Half a MiB of patterns that may stand anywhere: an automaton of them takes several.
  const entries = Array.from({ length: 500 }, (_, at) => {
    const pattern = `${at}-`.padEnd(1_000, String.fromCharCode(97 + at % 26));
    return `  - { id: u${at}, type: sip_user, pattern: "${pattern}" }\n`;
  });
  const path = folder.file("filters.yaml", `filters:\n${entries.join("")}`);
  const verdict = async (...flags: string[]) => {
    const { code, stdout } = await check(path, ["--json", ...flags]);
    return { code, problems: JSON.parse(textOf(stdout)).problems };
  };
  assert.deepEqual(await verdict(), { code: 0, problems: [] });
  const { code, problems } = await verdict("--pattern-buffer-mb", "1", "--pattern-algorithm", "aho-corasick");
  assert.equal(code, 1);
  assert.ok(problems.length > 0 && problems.length < 500, `${problems.length} problems`);
});

test("--hunter leaves out what that hunter does not get", false, async (folder) => {
  const path = folder.file("filters.yaml", good);
  const of = async (...flags: string[]) =>
    JSON.parse(textOf((await check(path, ["--json", ...flags])).stdout)).filters.map((
      { id }: { id: string },
    ) => id);
  assert.deepEqual(await of("--hunter", "edge-1"), ["exfil", "lo", "off", "never"]);
  assert.deepEqual(await of("--hunter", "edge-2"), ["exfil", "off", "never"]);
});

test("a text that is there, where the filter does not look", false, async (folder) => {
  const path = folder.file(
    "filters.yaml",
    'filters: [{ id: apex, type: dns_domain, pattern: "example.*.nowhere" }, { id: www, type: dns_domain, pattern: "*.www.example.test" }]\n',
  );
  const { code, stdout } = await check(path, ["-r", dns]);
  assert.equal(code, 0);
  assert.match(
    textOf(stdout),
    /\nwww: no packet; its text is in \d+ packets, where this type does not look\n/,
  );
});

const bpf = `filters:
  - { id: tcp, type: bpf, pattern: tcp port 53 }
  - { id: names, type: dns_domain, pattern: "*.example.test" }
`;

test("BPF filters are compiled, tried one by one, and narrow the others", true, async (folder) => {
  const path = folder.file("filters.yaml", bpf);
  const { code, stdout, stderr } = await check(path, ["-r", dns, "--json"], true);
  assert.equal(code, 0, stderr);
  const document = JSON.parse(textOf(stdout));
  const [tcp, names] = document.filters;
  const overTcp = readCapture(dns).records.filter(({ frame }) =>
    frame[12] === 8 ? frame[23] === 6 : frame[12] === 0x86 && frame[20] === 6
  );
  assert.equal(tcp.packets, overTcp.length);
  assert.ok(
    document.kept > 0 && document.kept < Math.min(tcp.packets, names.packets),
    JSON.stringify(document.kept),
  );
  const broken = folder.file("broken.yaml", bpf.replace("tcp port 53", "prot tcp"));
  const refused = await check(broken, [], true);
  assert.equal(refused.code, 1);
  assert.match(
    textOf(refused.stdout),
    /^[^\n]*broken\.yaml:2: error: filter tcp: bad filter: prot tcp: .*syntax error/,
  );
  // What is refused has no meaning.
  assert.doesNotMatch(textOf(refused.stdout), /the frame passes/);
  assert.match(textOf(refused.stdout), /: 1 filter, 1 error\n$/);
});

test("without FFI, BPF filters are said not to be checked", false, async (folder) => {
  const path = folder.file("filters.yaml", bpf);
  const { code, stdout } = await check(path, ["-r", dns]);
  assert.equal(code, 0);
  assert.match(textOf(stdout), /\nBPF filters are not checked: .*add --allow-ffi to the deno command\n/);
});

test(
  "--gpu-backend: without an adapter webgpu ends with exit code 1, and auto goes on",
  false,
  async (folder) => {
    const path = folder.file("filters.yaml", good);
    const options = {
      permissions: [`--allow-read=${path},${dns}`],
      // No system has both of that and these tests.
      env: { DENO_WEBGPU_BACKEND: Deno.build.os === "darwin" ? "dx12" : "metal" },
    };
    const words = ["filters", "check", path, "-r", dns, "--gpu-backend"];
    const refused = await run([...words, "webgpu"], options);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^caracal: --gpu-backend webgpu: no adapter was found: [^\n]*\n$/);
    assert.equal(textOf(refused.stdout), "");
    const auto = await run([...words, "auto"], options);
    assert.equal(auto.code, 0);
    assert.match(auto.stderr, /^[^\n]*--gpu-backend auto: patterns are searched for by the engine [^\n]*\n$/);
    assert.deepEqual(auto.stdout, (await run(words.slice(0, -1), options)).stdout);
  },
);
