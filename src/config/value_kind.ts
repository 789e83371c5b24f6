import { z } from "zod";

/** A text that is no value of its kind. The message reads `"x" is not <what is allowed>`. */
export class InvalidValue extends Error {
  /** For stack traces. */
  override readonly name = "InvalidValue";
}

/** How text becomes a value; the same for command line, environment and configuration file. */
export interface ValueKind<T> {
  /** What completion and path handling go by. */
  readonly name: "text" | "path" | "boolean" | "integer" | "port" | "choice" | "address";
  /** Completes the sentence `"x" is not ...`. */
  readonly allowed: string;
  /** Whether a flag of this kind may be repeated, and be a list in the configuration file. */
  readonly list: boolean;
  /** The words to choose from; undefined when there is no fixed set. */
  readonly choices?: readonly string[];
  /** One item: checks and converts its text. Its output type gives the JSON Schema. Made when asked for: few are. */
  readonly item: () => z.ZodType<unknown, string>;
  /** The value of all texts given, in order; a kind that is no list takes the last. Throws InvalidValue. */
  parse(texts: readonly string[]): T;
}

type Description = Omit<ValueKind<unknown>, "item" | "parse" | "list">;

function parseItem<T>(allowed: string, item: () => z.ZodType<T, string>, text: string): T {
  const result = item().safeParse(text);
  if (!result.success) throw new InvalidValue(`${JSON.stringify(text)} is not ${allowed}`);
  return result.data;
}

function single<T>(description: Description, make: () => z.ZodType<T, string>): ValueKind<T> {
  // Once: lists have many items.
  let made: z.ZodType<T, string> | undefined;
  const item = () => made ??= make();
  return {
    ...description,
    list: false,
    item,
    parse: (texts) => parseItem(description.allowed, item, texts.at(-1) ?? ""),
  };
}

function listOf<T>(
  kind: ValueKind<T>,
  empty: readonly T[] | undefined,
  split: boolean,
): ValueKind<readonly T[]> {
  return {
    ...kind,
    list: true,
    parse: (texts) => {
      const items = texts
        .flatMap((text) => split ? text.split(",").map((part) => part.trim()) : [text])
        .filter((text) => text !== "");
      if (items.length > 0) return items.map((text) => kind.parse([text]));
      if (empty === undefined) throw new InvalidValue(`"" is not ${kind.allowed}`);
      return empty;
    },
  };
}

/** Empty text stands for `empty`. */
export function orEmpty<T, E>(kind: ValueKind<T>, empty: E): ValueKind<T | E> {
  return { ...kind, parse: (texts) => (texts.at(-1) ?? "") === "" ? empty : kind.parse(texts) };
}

/** Any text of 1 to `maxLength` characters without control characters. */
export function text(allowed: string, maxLength: number): ValueKind<string> {
  // deno-lint-ignore no-control-regex
  const printable = /^[^\x00-\x1f\x7f]+$/;
  return single({ name: "text", allowed }, () => z.string().min(1).max(maxLength).regex(printable));
}

/** Comma-separated, repeatable texts; blanks around an item are cut, empty items dropped. */
export function texts(
  allowed: string,
  maxLength: number,
  empty?: readonly string[],
): ValueKind<readonly string[]> {
  return listOf(text(allowed, maxLength), empty, true);
}

/**
 * As {@link texts}: the flag may be left out, which gives an empty list, but a text without any item (`""`, `","`)
 * is refused, because an empty list asks for everything.
 */
export function textsNotBlank(allowed: string, maxLength: number): ValueKind<readonly string[]> {
  const none = texts(allowed, maxLength, []), some = texts(allowed, maxLength);
  return { ...none, parse: (texts) => (texts.length === 0 ? none : some).parse(texts) };
}

/** A file's path; a leading `~/` is the home directory. */
export function path(): ValueKind<string> {
  return single({ name: "path", allowed: "the path of a file" }, () => z.string().min(1).regex(/^[^\0]+$/));
}

/** Repeatable paths; never split at commas, since a file name may hold one. */
export function paths(): ValueKind<readonly string[]> {
  return listOf(path(), [], false);
}

/** `true`, `false`, `1` or `0`. */
export function boolean(): ValueKind<boolean> {
  return single(
    { name: "boolean", allowed: "true or false", choices: ["true", "false"] },
    () => z.stringbool({ truthy: ["true", "1"], falsy: ["false", "0"] }),
  );
}

/**
 * A decimal integer from `min` to `max`.
 *
 * @param zeroMeans where given, 0 is allowed, too, and stands for this value
 */
export function integer(min: number, max: number, zeroMeans?: number): ValueKind<number> {
  const range = `an integer from ${min} to ${max}`;
  const allowed = zeroMeans === undefined ? range : `${range}, or 0 for ${zeroMeans}`;
  const number = () =>
    zeroMeans === undefined
      ? z.int().min(min).max(max)
      : z.int().min(0).max(max).refine((value) => value === 0 || value >= min);
  const kind = single(
    { name: "integer", allowed },
    () => z.string().regex(/^\d+$/).transform(Number).pipe(number()),
  );
  return { ...kind, parse: (texts) => kind.parse(texts) || (zeroMeans ?? 0) };
}

/** One of the integers given. */
export function integerOf(...values: readonly number[]): ValueKind<number> {
  const words = values.map(String);
  const number = () => z.string().regex(/^-?\d+$/).transform(Number).pipe(z.literal(values));
  return single({ name: "integer", allowed: listed(words), choices: words }, number);
}

const unitsMs = { ns: 1e-6, us: 1e-3, "\u00b5s": 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const durationPart = /(\d+(?:\.\d+)?)(ns|us|\u00b5s|ms|s|m|h)/g;

/**
 * A duration, in ms; as in Go, such as `1h30m`, or an integer of milliseconds.
 *
 * @param zeroMeans 0 is allowed, too, and stands for this value, ms
 */
export function duration(minMs: number, maxMs: number, zeroMeans: number): ValueKind<number> {
  const toMs = (text: string) =>
    /^\d+$/.test(text) ? Number(text) : [...text.matchAll(durationPart)].reduce(
      (sum, [, amount, unit]) => sum + Number(amount) * unitsMs[unit as keyof typeof unitsMs],
      0,
    );
  const item = () =>
    z.string()
      .regex(new RegExp(`^(\\d+|(${durationPart.source})+)$`))
      .meta({ type: ["string", "integer"] })
      .refine((text) => toMs(text) === 0 || (toMs(text) >= minMs && toMs(text) <= maxMs));
  const allowed = `a duration from ${minMs} ms to ${maxMs / unitsMs.h}h, such as 90s or 1h30m, ` +
    `or 0 for ${zeroMeans / unitsMs.s}s`;
  return mapped(single({ name: "text", allowed }, item), (text) => Math.round(toMs(text)) || zeroMeans);
}

/** `kind`, where a value stands for another one. */
export function mapped<T, U>(kind: ValueKind<T>, meaning: (value: T) => U): ValueKind<U> {
  return { ...kind, parse: (texts) => meaning(kind.parse(texts)) };
}

/** Comma-separated, repeatable ports; duplicates are dropped, and an empty list is `empty`. */
export function ports(empty: readonly number[]): ValueKind<readonly number[]> {
  const port = () => z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(1).max(65535));
  const kind = listOf(single({ name: "port", allowed: "a port from 1 to 65535" }, port), empty, true);
  return { ...kind, parse: (given) => [...new Set(kind.parse(given))] };
}

/** Comma-separated, repeatable ranges of ports, `first-last`; duplicates are dropped. */
export function portRanges(): ValueKind<readonly string[]> {
  const range = () =>
    z.string().regex(/^\d{1,5}-\d{1,5}$/)
      .transform((text) => text.split("-").map(Number))
      .refine(([first = 0, last = 0]) => first >= 1 && first <= last && last <= 65535)
      .transform((bounds) => bounds.join("-")).pipe(z.string());
  const allowed = "a range of ports, first-last, from 1 to 65535";
  const kind = listOf(single({ name: "port", allowed }, range), [], true);
  return { ...kind, parse: (given) => [...new Set(kind.parse(given))] };
}

/** One of the words given. */
export function choice<const W extends readonly [string, ...string[]]>(...words: W): ValueKind<W[number]> {
  return single({ name: "choice", allowed: listed(words), choices: words }, () => z.enum(words));
}

/** `a, b or c`. */
function listed(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)].filter((part) => part !== "").join(" or ");
}

/** `host:port`, an IPv6 address in brackets. */
export function remoteAddress(): ValueKind<string> {
  const item = () => z.string().refine((address) => isAddress(address, { host: true, lowestPort: 1 }));
  return single(
    { name: "address", allowed: "host:port (port 1 to 65535, an IPv6 address in brackets)" },
    item,
  );
}

/** `host:port`; an empty host means all addresses, port 0 any free port. */
export function listenAddress(): ValueKind<string> {
  const item = () => z.string().refine((address) => isAddress(address, { host: false, lowestPort: 0 }));
  const allowed = "host:port or :port (port 0 to 65535, an IPv6 address in brackets)";
  return single({ name: "address", allowed }, item);
}

function isAddress(address: string, needs: { host: boolean; lowestPort: number }): boolean {
  const parts = /^(\[[0-9A-Fa-f:.%\w]+\]|[^\s:[\]]*):(\d{1,5})$/.exec(address);
  if (parts === null) return false;
  const [, host = "", port = ""] = parts;
  return (host !== "" || !needs.host) && Number(port) >= needs.lowestPort && Number(port) <= 65535;
}
