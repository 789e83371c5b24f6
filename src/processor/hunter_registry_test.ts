import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { type HunterRegistration, HunterStatus } from "../proto/management_messages.ts";
import { HunterRegistry } from "./hunter_registry.ts";
import { StatusError } from "./status_error.ts";

const registration = (hunter_id: string, hostname = "edge"): HunterRegistration => ({
  hunter_id,
  hostname,
  interfaces: [],
  version: "",
  capabilities: null,
});

function registry(maxHunters: number) {
  const clock = { now: 1_000_000 };
  const hunters = new HunterRegistry(maxHunters, () => clock.now);
  const statuses = () =>
    Object.fromEntries(hunters.list(() => []).map(({ hunter_id, status }) => [hunter_id, status]));
  const beat = (hunter_id: string, status: HunterStatus) =>
    hunters.report({ hunter_id, timestamp_ns: 0n, status, stats: null });
  return { clock, hunters, statuses, beat };
}

Deno.test("a hunter beyond the limit is refused, a known one is replaced", () => {
  const { hunters } = registry(1);
  hunters.register(registration("a", "old"), "x");
  hunters.register(registration("a", "new"), "y");
  assert.deepEqual(hunters.list(() => []).map(({ hostname, remote_addr }) => [hostname, remote_addr]), [[
    "new",
    "y",
  ]]);
  for (const id of ["b", ""]) {
    assert.throws(() => hunters.register(registration(id), "x"), (error) => error instanceof StatusError);
  }
});

Deno.test("a hunter that said goodbye makes room", () => {
  const { hunters, statuses, beat } = registry(1);
  hunters.register(registration("a"), "x");
  beat("a", HunterStatus.STATUS_STOPPING);
  hunters.register(registration("b"), "x");
  assert.deepEqual(statuses(), { b: HunterStatus.STATUS_HEALTHY });
});

Deno.test("a hunter that has said nothing but its name makes room soon, one that reports does not", () => {
  const { clock, hunters, statuses, beat } = registry(2);
  for (const id of ["a", "b"]) hunters.register(registration(id), "x");
  clock.now += 1_000;
  beat("a", HunterStatus.STATUS_HEALTHY);
  assert.throws(() => hunters.register(registration("c"), "x"), StatusError);
  clock.now += 20_000;
  hunters.register(registration("c"), "x");
  assert.deepEqual(Object.keys(statuses()), ["a", "c"]);
});

Deno.test("silence is an error, then oblivion, by this machine's clock", () => {
  const { clock, hunters, statuses, beat } = registry(10);
  for (const id of ["silent", "beating", "sending", "stopped"]) hunters.register(registration(id), "x");
  beat("stopped", HunterStatus.STATUS_STOPPING);
  beat("stranger", HunterStatus.STATUS_HEALTHY);
  clock.now += 40_000;
  beat("beating", HunterStatus.STATUS_WARNING);
  hunters.seen("sending");
  assert.deepEqual(statuses(), {
    silent: HunterStatus.STATUS_ERROR,
    beating: HunterStatus.STATUS_WARNING,
    sending: HunterStatus.STATUS_HEALTHY,
    stopped: HunterStatus.STATUS_STOPPING,
  });
  clock.now += 270_000;
  assert.deepEqual(Object.keys(statuses()), ["beating", "sending"]);
  assert.equal(hunters.size, 2);
  assert.equal(hunters.capabilitiesOf("silent"), undefined);
});
