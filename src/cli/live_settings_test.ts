import assert from "node:assert/strict";
import type { Settings } from "../config/settings.ts";
import { LiveSettings, SettingsRefused } from "./live_settings.ts";

const start = { filter: "udp", batchSize: 10, batchTimeoutMs: 5, domains: ["a"], interfaces: ["any"] };

function live(): LiveSettings {
  return new LiveSettings(start as unknown as Settings);
}

function changed(changes: Partial<Settings>): Settings {
  return { ...start, ...changes } as unknown as Settings;
}

Deno.test("live settings: what a part follows is in force, the rest is told and waits for a restart", () => {
  const settings = live();
  const seen: string[] = [];
  settings.follow({ settings: ["filter", "domains"], apply: (next) => seen.push(next.filter) });
  settings.follow({ settings: ["batchSize"] });
  const change = settings.replace(changed({ filter: "tcp", batchSize: 7, interfaces: ["eth0"] }));
  assert.deepEqual(change, { applied: ["filter", "batchSize"], afterRestart: ["interfaces"] });
  assert.deepEqual(seen, ["tcp"]);
  assert.equal(settings.now.batchSize, 7);
  assert.deepEqual(settings.now.interfaces, ["any"], "what runs is told, not what was asked for");
  const again = settings.replace(changed({ filter: "tcp", batchSize: 7, interfaces: ["eth0"] }));
  assert.deepEqual(again, { applied: [], afterRestart: ["interfaces"] }, "it still waits");
});

Deno.test("live settings: the same values again change nothing, and call nobody", () => {
  const settings = live();
  settings.follow({ settings: ["domains"], apply: () => assert.fail("called") });
  assert.deepEqual(settings.replace(changed({ domains: ["a"] })), { applied: [], afterRestart: [] });
});

Deno.test("live settings: one refusal, and no part has changed", () => {
  const settings = live();
  settings.follow({ settings: ["batchSize"], apply: () => assert.fail("applied") });
  settings.follow({
    settings: ["filter", "domains"],
    check: ({ filter }) => {
      if (filter === "bad") throw new Error("no filter");
    },
    apply: () => assert.fail("applied"),
  });
  assert.throws(
    () => settings.replace(changed({ filter: "bad", batchSize: 7 })),
    (error) =>
      error instanceof SettingsRefused && error.settings.join() === "filter" &&
      (error.cause as Error).message === "no filter",
  );
  assert.equal(settings.now.filter, "udp");
  assert.equal(settings.now.batchSize, 10);
});

Deno.test("live settings: a setting set back is a change again", () => {
  const settings = live();
  settings.follow({ settings: ["filter"] });
  settings.replace(changed({ filter: "tcp" }));
  assert.deepEqual(settings.replace(changed({})).applied, ["filter"]);
  assert.equal(settings.now.filter, "udp");
});
