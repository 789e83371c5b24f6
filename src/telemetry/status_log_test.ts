import assert from "node:assert/strict";
import type { Log } from "./log.ts";
import { StatusLog } from "./status_log.ts";

Deno.test("changes are told with their reason, and not more often than every half minute", () => {
  const lines: string[] = [];
  const at = (level: string) => (line: string) => void lines.push(`${level} ${line}`);
  const log: Log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  let time = 0;
  const status = new StatusLog(log, "HEALTHY", () => time);
  const told = (ms: number, name: string, reason?: string) => {
    time += ms;
    status.note(name, reason);
    return lines.splice(0);
  };
  assert.deepEqual(told(0, "HEALTHY"), []);
  assert.deepEqual(told(5_000, "WARNING", "the queue is full"), [
    "warn status HEALTHY -> WARNING: the queue is full",
  ]);
  assert.deepEqual(told(5_000, "HEALTHY"), []);
  assert.deepEqual(told(5_000, "WARNING", "again"), []);
  assert.deepEqual(told(60_000, "WARNING", "still"), []);
  assert.deepEqual(told(5_000, "HEALTHY"), ["info status WARNING -> HEALTHY"]);
  assert.deepEqual(told(1_000, "ERROR", "nothing is captured"), []);
  assert.deepEqual(told(30_000, "ERROR", "nothing is captured"), [
    "warn status HEALTHY -> ERROR: nothing is captured",
  ]);
});
