import "../runtime/environment.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Filter, filterTypeNames } from "../engine/filter.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { examineFilters, parseFilters, readFilterFile, writeFilter } from "./filter_file.ts";
import { filterProblem } from "./filter_validation.ts";

Deno.test("filters are read as lippycat writes them, and with every default", () => {
  const source = `
# comment
filters:
  - id: one
    type: dns_domain
    pattern: "*.example.com"
    target_hunters:
      - edge-1
      - edge-2
    enabled: false
    description: known
  - id: two
    type: FILTER_PHONE_NUMBER
    pattern: 0049301234567
`;
  assert.deepEqual(parseFilters(source, "f.yaml").filters, [
    {
      id: "one",
      type: "dns_domain",
      pattern: "*.example.com",
      targetHunters: ["edge-1", "edge-2"],
      enabled: false,
      description: "known",
    },
    {
      id: "two",
      type: "phone_number",
      pattern: "0049301234567",
      targetHunters: [],
      enabled: true,
      description: "",
    },
  ]);
  for (const empty of ["", "# nothing\n", "filters:\n", "filters: []\n", "{}"]) {
    assert.deepEqual(parseFilters(empty, "f.yaml").filters, [], empty);
  }
  for (const type of filterTypeNames) {
    const pattern =
      { ip_address: "2001:db8::/32", imsi: "001010123456789", imei: "35693803564380" }[type as string];
    const hex = "0123456789abcdef0123456789abcdef";
    const ja =
      { tls_ja3: hex, tls_ja3s: hex, tls_ja4: "t13d1516h2_8daaf6152771_b186095e22bb" }[type as string];
    for (const name of [type, `FILTER_${type.toUpperCase()}`]) {
      const [filter] = parseFilters(
        `filters: [{id: x, type: ${name}, pattern: "${pattern ?? ja ?? "123"}"}]`,
        "f.yaml",
      ).filters;
      assert.equal(filter?.type, type);
    }
  }
});

Deno.test("what is wrong is named with file and line", () => {
  const cases: [string, RegExp][] = [
    ["filters:\n  - id: a\n    typ: bpf\n    pattern: udp\n", /^f\.yaml:3: unknown key "typ"$/],
    [
      "filters:\n  - id: a\n    type: dns_domian\n    pattern: x\n",
      /^f\.yaml:3: type "dns_domian" is no filter type/,
    ],
    ["filters:\n  - id: a\n    type: bpf\n", /^f\.yaml:2: pattern is missing$/],
    [
      "filters:\n  - id: a\n    type: bpf\n    pattern: udp\n    enabled: maybe\n",
      /^f\.yaml:5: enabled must be true/,
    ],
    ["filters:\n  - id: a\n    type: bpf\n    pattern: [udp]\n", /^f\.yaml:4: pattern must be text$/],
    ["\nfilters: yes\n", /^f\.yaml:2: filters must be a list of filters$/],
    ["filters:\n  - udp\n", /^f\.yaml:2: entry 1 must be a filter/],
    ["- a\n", /^f\.yaml:1: the file must be a mapping with the key filters$/],
    ["filter: []\n", /^f\.yaml:1: unknown key "filter"$/],
    ["filters: [\n", /^f\.yaml:\d: /],
    ["filters:\n  - id: a\n    id: b\n", /^f\.yaml:3: Map keys must be unique/],
    [
      "filters:\n  - {id: a, type: bpf, pattern: udp}\n  - {id: a, type: bpf, pattern: tcp}\n",
      /^f\.yaml:3: filter a is there twice$/,
    ],
    ['filters:\n  - {id: "", type: bpf, pattern: udp}\n', /^f\.yaml:2: the filter has no id$/],
    [
      "filters:\n  - {id: a, type: sip_user, pattern: a@b}\n  - {id: a, type: bpf, pattern: tcp}\n",
      /^f\.yaml:3: filter a is there twice$/,
    ],
  ];
  for (const [source, message] of cases) {
    assert.throws(
      () => parseFilters(source, "f.yaml"),
      (error) => error instanceof OperatorError && message.test(error.message),
      source,
    );
  }
});

Deno.test("a filter with a bad pattern is refused alone, and stays in the file", async () => {
  const source = `filters:
  - {id: a, type: ip_address, pattern: 192.168.*}
  - {id: b, type: sip_user, pattern: alice}
  - {id: c, type: sip_user, pattern: a@b}
  - {id: d, type: bpf, pattern: " "}
`;
  const { filters, refused } = parseFilters(source, "f.yaml");
  assert.deepEqual(filters.map(({ id }) => id), ["b"]);
  assert.deepEqual(refused.map(({ line, refused }) => [line, refused]), [[2, "a"], [4, "c"], [5, "d"]]);
  assert.match(refused[0]?.reason ?? "", /^filter a: "192\.168\.\*" is not an/);
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, source);
  writeFilter(path, "b", undefined);
  assert.deepEqual(parseFilters(await Deno.readTextFile(path), path).refused.map(({ refused }) => refused), [
    "a",
    "c",
    "d",
  ]);
  await Deno.remove(path);
});

const word = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) =>
  text.trim() !== ""
);
const filters: fc.Arbitrary<Filter> = fc.record({
  id: word,
  type: fc.constantFrom("dns_domain" as const, "sip_user" as const, "bpf" as const),
  pattern: fc.oneof(
    word,
    fc.constantFrom("0049", "true", "~", "null", "1e3", "*x", "&a", "- b", "# c", "2020-01-01"),
  ),
  targetHunters: fc.array(word, { maxLength: 3 }),
  enabled: fc.boolean(),
  description: fc.string({ maxLength: 20, unit: "grapheme" }),
}, { noNullPrototype: true })
  // Those that are refused are the subject of the test above.
  .filter((filter) => filterProblem(filter) === undefined);

Deno.test("what is written is read back, and the operator's text around it stays", async () => {
  const folder = await Deno.makeTempDir();
  try {
    fc.assert(
      fc.property(
        fc.uniqueArray(filters, { selector: ({ id }) => id, maxLength: 5 }),
        filters,
        (list, changed) => {
          const path = `${folder}/filters.yaml`;
          Deno.writeTextFileSync(
            path,
            "# by hand\nfilters: # why\n  - {id: mine, type: bpf, pattern: udp}\n",
          );
          for (const filter of list) writeFilter(path, filter.id, filter);
          const [first] = list;
          if (first !== undefined) writeFilter(path, first.id, { ...changed, id: first.id });
          const expected = list.map((filter) => filter === first ? { ...changed, id: filter.id } : filter);
          const text = Deno.readTextFileSync(path);
          const read = parseFilters(text, path).filters;
          assert.deepEqual(
            read.filter(({ id }) => id !== "mine"),
            expected.filter(({ id }) => id !== "mine"),
          );
          assert.match(text, /^# by hand\n/);
          for (const { id } of list) writeFilter(path, id, undefined);
          const left = parseFilters(Deno.readTextFileSync(path), path).filters.map(({ id }) => id);
          assert.deepEqual(left, list.some(({ id }) => id === "mine") ? [] : ["mine"]);
        },
      ),
      { numRuns: 50 },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a new file is private, and a broken one is never written over", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/filters.yaml`;
  const filter: Filter = {
    id: "a",
    type: "bpf",
    pattern: "udp",
    targetHunters: [],
    enabled: true,
    description: "",
  };
  assert.equal(readFilterFile(path), undefined);
  writeFilter(path, "a", filter);
  assert.deepEqual(parseFilters(readFilterFile(path) ?? "", path).filters, [filter]);
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  Deno.writeTextFileSync(path, "filters: [{id: half");
  assert.throws(() => writeFilter(path, "a", filter), OperatorError);
  assert.equal(Deno.readTextFileSync(path), "filters: [{id: half");
  assert.throws(() => readFilterFile(folder), /cannot read/);
  Deno.writeFileSync(path, Uint8Array.of(...new TextEncoder().encode("filters: # "), 0xfc));
  assert.throws(() => readFilterFile(path), {
    name: "OperatorError",
    message: /filters.yaml is not UTF-8 text/,
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("files that are made to break readers are problems like others", () => {
  const aliases = Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(9)}]`);
  const bomb = ["a0: &a0 [x]", ...aliases, "filters: *a9"].join("\n");
  for (
    const [source, reason] of [
      [bomb, /alias/i],
      ["filters: [*a]", /alias/i],
      ["filters:\n  - { id: a, type: sip_user, pattern: !!binary aGFsbG8= }", /tag/],
      ["filters: []\n---\nfilters: []", /one YAML document/],
      [`filters: ${"[".repeat(20_000)}`, /./],
    ] as const
  ) {
    const { filters, problems } = examineFilters(source);
    assert.deepEqual(filters, []);
    assert.ok(problems.length > 0 && problems.length <= 5, `${problems.length} problems`);
    assert.match(problems[0]?.reason ?? "", reason);
  }
});
