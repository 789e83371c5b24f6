import assert from "node:assert/strict";
import type { CallReport } from "../../engine/call_report.ts";
import { CallTextSink } from "./call_text_sink.ts";
import { call } from "../../../tests/made_up_calls.ts";

/** What a sink prints while `work` is done with it. */
async function printedBy(
  when: "each" | "at the end",
  work: (sink: CallTextSink) => void | Promise<void>,
): Promise<string> {
  const { write } = Deno.stdout;
  let text = "";
  Deno.stdout.write = (bytes) => {
    text += new TextDecoder().decode(bytes);
    return Promise.resolve(bytes.length);
  };
  try {
    await work(new CallTextSink(when, () => 100));
    return text;
  } finally {
    Deno.stdout.write = write;
  }
}

const chunk = (...calls: readonly CallReport[]) => ({
  packets: 0,
  bytes: 0,
  calls: new TextEncoder().encode(calls.map((one) => JSON.stringify(one) + "\n").join("")),
});

Deno.test("calls as text: each when it ends, with its ladder", async () => {
  const text = await printedBy("each", async (sink) => {
    await sink.write(chunk(call({ call_id: "one" }), call({ call_id: "two", messages: [] })));
    await sink.write({ packets: 1, bytes: 1 });
  });
  assert.match(
    text,
    /^Call-ID .*\none .*\n\none {2}alice -> bob.*\n(.*\|.*\n|.*192.*\n)+\nCall-ID .*\ntwo .*\n\n$/,
  );
});

Deno.test("calls as text: at the end a table, then the ladders", async () => {
  const text = await printedBy("at the end", async (sink) => {
    await sink.write(chunk(call({ call_id: "one" })));
    await sink.write(chunk(call({ call_id: "two" })));
    await sink.close();
    // A second time there is nothing to show.
    await sink.close();
  });
  assert.match(text, /^\nCall-ID .*\none .*\ntwo .*\n\none {2}alice[^]*\ntwo {2}alice/);
  assert.equal(text.match(/^Call-ID/gm)?.length, 1);
});

Deno.test("calls as text: of many the last hundred, and how many there were", async () => {
  const text = await printedBy("at the end", async (sink) => {
    for (let number = 1; number <= 1_234; number++) {
      await sink.write(chunk(call({ call_id: `c${number}.`, messages: [] })));
    }
    await sink.close();
  });
  assert.match(text, /^\nthe last 100 of 1,234 calls:\n\nCall-ID /);
  assert.ok(!text.includes("c1134."));
  assert.ok(text.includes("c1135.") && text.includes("c1234."));
});

Deno.test("calls as text: without calls nothing is printed", async () =>
  assert.equal(await printedBy("at the end", (sink) => sink.close()), ""));
