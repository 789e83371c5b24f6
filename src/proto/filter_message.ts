import { type Filter, filterTypeNames } from "../engine/filter.ts";
import type { Filter as FilterMessage, FilterType } from "./management_messages.ts";

/** The message for `filter`. */
export function filterMessage(filter: Filter): FilterMessage {
  return {
    id: filter.id,
    type: filterTypeNames.indexOf(filter.type) as FilterType,
    pattern: filter.pattern,
    target_hunters: filter.targetHunters,
    enabled: filter.enabled,
    description: filter.description,
  };
}

/** The filter in `message`, or undefined when its type is not known here. */
export function filterOf(message: FilterMessage): Filter | undefined {
  const type = filterTypeNames[message.type];
  if (type === undefined) return undefined;
  return {
    id: message.id,
    type,
    pattern: message.pattern,
    targetHunters: message.target_hunters,
    enabled: message.enabled,
    description: message.description,
  };
}

/** Whether two filters say the same. */
export function sameFilter(a: Filter, b: Filter): boolean {
  return a.id === b.id && a.type === b.type && a.pattern === b.pattern && a.enabled === b.enabled &&
    a.description === b.description && a.targetHunters.length === b.targetHunters.length &&
    a.targetHunters.every((hunter, at) => hunter === b.targetHunters[at]);
}
