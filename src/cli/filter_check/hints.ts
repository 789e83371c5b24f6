import { BlockList, isIPv6 } from "node:net";
import type { Filter } from "../../engine/filter.ts";
import type { FileFilter } from "../../processor/filter_file.ts";
import { covers, partsOf } from "./pattern_reading.ts";

/** More filters of one type than this are not compared with each other, but for being the same: it takes their square. */
const MAX_COMPARED = 1_000;

/** Something that is no mistake, and perhaps not meant. */
export interface Hint {
  /** Where in the filter file, from 1. */
  readonly line: number;
  /** The filter that it is about. */
  readonly id: string;
  /** What it is. */
  readonly text: string;
}

/** Filters that are the same as another one, match only what another one matches, too, or can match nothing. */
export function hintsFor(filters: readonly FileFilter[]): Hint[] {
  const enabled = filters.filter(({ filter }) => filter.enabled);
  const hints = new Map<FileFilter, string>();
  const sameAs = new Map<string, FileFilter[]>();
  for (const one of enabled) {
    if (one.filter.type === "http_url" && /^https:\/\//i.test(one.filter.pattern.trim())) {
      hints.set(one, "only requests that are not encrypted are seen: no URL begins with https://");
    }
    const key = keyOf(one.filter);
    const others = sameAs.get(key) ?? [];
    const twin = others.find((other) => sharesHunters(one.filter, other.filter));
    if (twin !== undefined) hints.set(one, `looks for the same as ${nameOf(twin)}`);
    others.push(one);
    sameAs.set(key, others);
  }
  for (const group of Map.groupBy(enabled, ({ filter }) => filter.type).values()) {
    if (group.length > MAX_COMPARED) continue;
    const extents = group.map(({ filter }) => extentOf(filter));
    group.forEach((one, at) => {
      if (hints.has(one)) return;
      const wider = group.find((other, number) =>
        other !== one && !hints.has(other) && reachesAllHunters(other.filter, one.filter) &&
        isWithin(extents[at], extents[number])
      );
      if (wider !== undefined) hints.set(one, `${nameOf(wider)} matches all that it matches`);
    });
  }
  return filters.flatMap((one) => {
    const text = hints.get(one);
    return text === undefined ? [] : [{ line: one.line, id: one.filter.id, text }];
  });
}

/** What a filter matches, as far as that can be compared: texts by their parts, or addresses. */
type Extent = readonly string[] | Network | undefined;

interface Network {
  readonly address: string;
  readonly length: number;
  readonly family: "ipv4" | "ipv6";
  readonly list: BlockList;
}

function extentOf(filter: Filter): Extent {
  const parts = partsOf(filter);
  if (parts !== undefined || filter.type !== "ip_address") return parts;
  const [address = "", bits] = filter.pattern.trim().split("/");
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  const length = Number(bits ?? (family === "ipv6" ? 128 : 32));
  const list = new BlockList();
  try {
    list.addSubnet(address, length, family);
  } catch {
    return undefined;
  }
  return { address, length, family, list };
}

function isWithin(narrower: Extent, wider: Extent): boolean {
  if (narrower === undefined || wider === undefined) return false;
  if ("list" in narrower) {
    return "list" in wider && wider.family === narrower.family && wider.length <= narrower.length &&
      wider.list.check(narrower.address, narrower.family);
  }
  return !("list" in wider) && covers(wider, narrower);
}

/** The same for filters that look for the same. */
function keyOf(filter: Filter): string {
  const parts = partsOf(filter);
  return JSON.stringify([filter.type, parts ?? filter.pattern.trim().toLowerCase()]);
}

function nameOf({ filter, line }: FileFilter): string {
  return `${filter.id} (line ${line})`;
}

/** Whether a hunter gets both. */
function sharesHunters({ targetHunters: one }: Filter, { targetHunters: other }: Filter): boolean {
  return one.length === 0 || other.length === 0 || one.some((hunter) => other.includes(hunter));
}

/** Whether every hunter that gets `narrower` gets `wider`. */
function reachesAllHunters(wider: Filter, narrower: Filter): boolean {
  return wider.targetHunters.length === 0 ||
    (narrower.targetHunters.length > 0 &&
      narrower.targetHunters.every((hunter) => wider.targetHunters.includes(hunter)));
}
