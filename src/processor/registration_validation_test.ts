import assert from "node:assert/strict";
import type { HunterRegistration } from "../proto/management_messages.ts";
import { registrationProblem } from "./registration_validation.ts";

const registration = (
  fields: Partial<HunterRegistration>,
  filter_types: string[] = [],
): HunterRegistration => ({
  ...{ hunter_id: "edge", hostname: "edge", interfaces: ["eth0"], version: "1" },
  capabilities: { filter_types, max_buffer_size: 0n, gpu_acceleration: false, af_xdp: false },
  ...fields,
});
const text = (length: number) => "x".repeat(length);
const texts = (count: number, length = 1) => Array.from({ length: count }, () => text(length));

const cases: readonly [what: string, registration: HunterRegistration, problem: string | undefined][] = [
  ["all at their bounds", {
    ...registration({ hunter_id: text(255), hostname: text(255), version: text(64) }, texts(64, 64)),
    interfaces: texts(256, 255),
  }, undefined],
  ["no capabilities", registration({ capabilities: null }), undefined],
  ["no id", registration({ hunter_id: "" }), "hunter_id is empty"],
  ["a long id", registration({ hunter_id: text(256) }), "hunter_id is too long: at most 255 characters"],
  ["a long host name", registration({ hostname: text(256) }), "hostname is too long: at most 255 characters"],
  ["a long version", registration({ version: text(65) }), "version is too long: at most 64 characters"],
  ["many interfaces", registration({ interfaces: texts(257) }), "interfaces has more than 256 items"],
  [
    "a long interface",
    registration({ interfaces: ["eth0", text(256)] }),
    "interfaces is too long: at most 255 characters",
  ],
  ["many filter types", registration({}, texts(65)), "filter_types has more than 64 items"],
  ["a long filter type", registration({}, [text(65)]), "filter_types is too long: at most 64 characters"],
];

for (const [what, registration, problem] of cases) {
  Deno.test(`a registration with ${what}`, () => assert.equal(registrationProblem(registration), problem));
}
