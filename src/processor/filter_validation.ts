import { Engine } from "../engine/engine.ts";
import type { Filter } from "../engine/filter.ts";
import { engineModule } from "../engine/module.js";

/** Longest id, pattern and description of a filter, characters. */
const maxLength = 4_096;

/**
 * Why `filter` cannot be used; undefined when it can. The engine judges patterns, as it does in hunters; BPF expressions
 * are compiled, and judged, by the hunters.
 */
export function filterProblem(filter: Filter): string | undefined {
  if (filter.id === "") return "the filter has no id";
  if (filter.pattern.trim() === "") return `filter ${filter.id} has no pattern`;
  if ([filter.id, filter.pattern, filter.description].some((text) => text.length > maxLength)) {
    return `filter ${filter.id.slice(0, 64)} is too long: at most ${maxLength} characters per field`;
  }
  if (filter.type === "bpf") return undefined;
  // Hunters of lippycat take such a pattern, and match nothing with it.
  if (filter.type === "ip_address" && filter.pattern.includes("*")) {
    return `filter ${filter.id}: "${filter.pattern}" is not an address or a prefix such as 192.0.2.0/24`;
  }
  Engine.load(engineModule);
  const problem = Engine.patternProblem(filter.type, filter.pattern);
  return problem === undefined ? undefined : `filter ${filter.id}: ${problem}`;
}
