import "../../runtime/environment.ts";
import assert from "node:assert/strict";
import { connectionFigures, outboxFigures } from "../../../tests/hunter_figures.ts";
import { deliveryReadiness } from "./monitoring.ts";

Deno.test("a hunter is ready while what it captures has somewhere to go", () => {
  const { spool } = outboxFigures;
  assert.ok(spool);
  const away = { ...connectionFigures, state: "waiting", lastError: "UNAVAILABLE" } as const;
  const cases = [
    [{ ...away, state: "connected" }, { ...spool, full: true, faulty: true }, undefined],
    [away, undefined, /^not registered with the processor \(waiting\): UNAVAILABLE$/],
    [away, spool, undefined],
    [away, { ...spool, full: true }, /the disk buffer is full$/],
    [away, { ...spool, faulty: true }, /the disk buffer cannot be written or read$/],
  ] as const;
  for (const [connection, held, expected] of cases) {
    const problem = deliveryReadiness(() => connection, () => ({ ...outboxFigures, spool: held })).problem();
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? "", expected);
  }
});
