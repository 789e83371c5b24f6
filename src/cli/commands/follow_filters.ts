import type { Settings } from "../../config/settings.ts";
import type { NoFilterPolicy } from "../../engine/filter.ts";
import { keepsLibpcap } from "../remaining_needs.ts";
import type { Run } from "../run.ts";
import type { FilterControl } from "./filter_control.ts";

/** Has `filters` follow what the operator wants to filter; `policyOf` is the command's rule. */
export function followFilters(
  run: Run,
  filters: FilterControl,
  policyOf: (settings: Settings) => NoFilterPolicy,
): void {
  run.follow({
    settings: ["domains", "sipUsers", "noFilterPolicy"],
    apply: (next) => filters.configure(next, policyOf(next)),
  });
  if (!keepsLibpcap(run.settings)) return;
  run.follow({
    settings: ["filter", "sipPorts", "rtpPortRanges"],
    check: (next) => filters.check(next),
    apply: (next) => filters.configure(next, policyOf(next)),
  });
}
