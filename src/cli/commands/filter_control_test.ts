import "../../runtime/environment.ts";
import assert from "node:assert/strict";
import type { Settings } from "../../config/settings.ts";
import type { Filter } from "../../engine/filter.ts";
import { configureLog } from "../../telemetry/log.ts";
import { FilterControl } from "./filter_control.ts";

const settings = {
  filter: "",
  readFiles: ["-"],
  protocol: "all",
  dnsPorts: [],
  domains: [],
} as unknown as Settings;

function refusal(number: number) {
  const filter: Filter = {
    id: `f${number}`,
    type: "sip_user",
    pattern: "x",
    targetHunters: [],
    enabled: true,
    description: "",
  };
  return { filter, reason: "no room", standIn: undefined };
}

Deno.test("refused filters are named once each, and only the first of many", () => {
  const lines: string[] = [];
  configureLog({ json: false, write: (line) => lines.push(line), variable: () => undefined });
  try {
    const control = new FilterControl(settings, "allow");
    control.setFilters([]);
    const tell = (refused: ReturnType<typeof refusal>[]) => {
      lines.length = 0;
      control.tell({ version: 0, active: 0, refused });
      return lines.length;
    };
    assert.equal(tell([refusal(0)]), 1);
    assert.match(lines[0] ?? "", /filter f0 \(sip_user "x"\) is refused: no room$/m);
    assert.equal(tell([refusal(0), refusal(1)]), 1);
    assert.equal(tell(Array.from({ length: 100_000 }, (_, number) => refusal(number))), 21);
    assert.match(lines.at(-1) ?? "", /99978 more filters are refused/);
  } finally {
    configureLog({ json: false, write: () => {}, variable: () => undefined });
  }
});
