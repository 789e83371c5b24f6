/** The engine's memory over many calls. */
import assert from "node:assert/strict";
import { feed, voipEngine } from "../bench/measure_voip.ts";
import { signallingOf } from "../bench/voip_capture.ts";
import "./engine_run.ts";

const CALLS = 100_000;
const AT_ONCE = 2_000;
/** What it takes to find its level. */
const WARM_UP = 20_000;

Deno.test("calls: memory stays where it is over 100,000 of them", () => {
  const engine = voipEngine();
  const input = engine.openInput("made", "");
  /** WebAssembly's memory never shrinks: its size is the most that was ever held. */
  const held = () => engine.inbox(1).buffer.byteLength;
  let [wanted, level] = [0, 0];
  for (let first = 0; first < CALLS; first += AT_ONCE) {
    const records = signallingOf(first, AT_ONCE);
    feed(engine, input, records, first + AT_ONCE === CALLS);
    wanted += records.wanted;
    if (first + AT_ONCE === WARM_UP) level = held();
  }
  engine.finish();
  const { kept, calls_begun, calls_unmatched, calls_evicted } = engine.counters();
  assert.deepEqual({ kept, calls_begun, calls_unmatched, calls_evicted }, {
    kept: wanted,
    calls_begun: CALLS,
    calls_unmatched: CALLS / 2,
    calls_evicted: 0,
  });
  assert.ok(held() - level < 1 << 20, `${level} bytes became ${held()}`);
});
