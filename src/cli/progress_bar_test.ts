import assert from "node:assert/strict";
import type { Progress } from "../pipeline/progress.ts";
import { noProgress } from "../pipeline/progress.ts";
import { ProgressBar, totalBytes } from "./progress_bar.ts";
import { StatusLine } from "./status_line.ts";

/** A terminal as somebody sees it, and its clock. */
class FakeTerminal {
  nowMs = 0;
  width = 80;
  readonly lines: string[] = [];
  /** The line that the cursor is on. */
  current = "";
  drawn = 0;
  readonly status = new StatusLine((text) => this.#write(text));

  view() {
    return { line: this.status, columns: () => this.width, now: () => this.nowMs };
  }

  #write(text: string): void {
    this.drawn++;
    // deno-lint-ignore no-control-regex
    for (const [part = ""] of text.matchAll(/\r\x1b\[K|\n|[^\r\n]+/g)) {
      if (part === "\r\x1b[K") this.current = "";
      else if (part !== "\n") this.current += part;
      else {
        this.lines.push(this.current);
        this.current = "";
      }
    }
    assert.ok(this.current.length < this.width, `the terminal would wrap ${JSON.stringify(this.current)}`);
  }
}

function at(packets: number, inputBytes: number): Progress {
  return { ...noProgress, engine: { packets }, inputBytes };
}

function barAt(seconds: number, total: number | undefined, width = 80): [ProgressBar, FakeTerminal] {
  const terminal = new FakeTerminal();
  terminal.width = width;
  const bar = new ProgressBar(terminal.view(), total);
  terminal.nowMs = 1000 * seconds;
  return [bar, terminal];
}

const drawings: readonly [
  name: string,
  total: number | undefined,
  width: number,
  inputBytes: number,
  expected: string,
][] = [
  [
    "room for a bar",
    1000,
    80,
    250,
    " 25 % [======                  ] 1,000,000 packets, 500,000 packets/s, 6 s left",
  ],
  ["no room for a bar", 1000, 64, 250, " 25 %, 1,000,000 packets, 500,000 packets/s, 6 s left"],
  ["no room for the rate", 1000, 40, 250, " 25 %, 1,000,000 packets, 6 s left"],
  ["hardly any room", 1000, 10, 250, " 25 %"],
  ["no room", 1000, 4, 250, ""],
  [
    "nothing read yet",
    1000,
    80,
    0,
    "  0 % [                                  ] 1,000,000 packets, 500,000 packets/s",
  ],
  ["all read", 1000, 60, 1000, "100 %, 1,000,000 packets, 500,000 packets/s, 0 s left"],
  ["a file that grew", 1000, 60, 2000, "100 %, 1,000,000 packets, 500,000 packets/s, 0 s left"],
  ["a long wait", 1e7, 60, 1000, "  0 %, 1,000,000 packets, 500,000 packets/s, 5:33:18 h left"],
  ["no known end", undefined, 80, 250, "1,000,000 packets, 500,000 packets/s"],
  ["empty files", 0, 80, 0, "1,000,000 packets, 500,000 packets/s"],
  ["no known end, no room for the rate", undefined, 20, 250, "1,000,000 packets"],
];

for (const [name, total, width, inputBytes, expected] of drawings) {
  Deno.test(`progress bar: ${name}`, () => {
    const [bar, terminal] = barAt(2, total, width);
    bar.update(at(1_000_000, inputBytes));
    assert.equal(terminal.current, expected);
  });
}

Deno.test("progress bar: nothing in the first second", () => {
  const [bar, terminal] = barAt(0.999, 100);
  bar.update(at(1, 1));
  assert.equal(terminal.drawn, 0);
  bar.clear();
  assert.equal(terminal.drawn, 0);
});

Deno.test("progress bar: at most five drawings per second", () => {
  const [bar, terminal] = barAt(1, 100);
  for (let update = 0; update < 1000; update++) {
    terminal.nowMs = 1000 + update;
    bar.update(at(update, 1));
  }
  assert.equal(terminal.drawn, 5);
});

Deno.test("progress bar: never goes back", () => {
  const [bar, terminal] = barAt(2, 100);
  bar.update(at(1, 60));
  terminal.nowMs += 1000;
  bar.update(at(2, 10));
  assert.match(terminal.current, /^ 60 % /);
});

Deno.test("progress bar: lines take its place, and it leaves nothing behind", () => {
  const [bar, terminal] = barAt(2, 100);
  bar.update(at(1, 50));
  terminal.status.print("caracal: warning: one\n");
  assert.deepEqual([terminal.lines, terminal.current], [["caracal: warning: one"], ""]);
  terminal.nowMs += 200;
  bar.update(at(2, 51));
  assert.match(terminal.current, /^ 51 % /);
  bar.clear();
  terminal.status.print("2 packets\n");
  assert.deepEqual([terminal.lines, terminal.current], [["caracal: warning: one", "2 packets"], ""]);
});

Deno.test("progress bar: lines alone are written as they are", () => {
  const written: string[] = [];
  const line = new StatusLine((text) => written.push(text));
  line.clear();
  line.print("a\n");
  assert.deepEqual(written, ["a\n"]);
});

Deno.test("progress bar: the size of what is to be read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [one, two] = [`${folder}/one`, `${folder}/two`];
    await Deno.writeFile(one, new Uint8Array(5));
    await Deno.writeFile(two, new Uint8Array(7));
    assert.equal(await totalBytes([one, two]), 12);
    assert.equal(await totalBytes([one, "-"]), undefined);
    assert.equal(await totalBytes([one, folder]), undefined);
    assert.equal(await totalBytes([one, `${folder}/none`]), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("progress bar: a file that may not be looked at is not", { permissions: {} }, async () => {
  assert.equal(await totalBytes(["/x"]), undefined);
});
