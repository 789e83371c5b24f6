import { isMap, isSeq, LineCounter, parseDocument, Scalar, type YAMLSeq } from "yaml";
import { z } from "zod";
import { type Filter, type FilterTypeName, filterTypeNames } from "../engine/filter.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { isGranted, requirePermission } from "../runtime/permissions.ts";
import { filterProblem } from "./filter_validation.ts";

/** Every scalar is read as the text that stands in the file: `0049...` is a number of digits, not an integer. */
const yamlOptions = {
  schema: "failsafe" as const,
  // `!!binary` and the like would make other things than text.
  resolveKnownTags: false,
  lineCounter: undefined as LineCounter | undefined,
};

/** Mistakes in the syntax that are told: behind the first few, nothing is what it seems. */
const maxSyntaxProblems = 5;

const missing = "is missing";

/** Says what a value must be, where zod would speak of types of TypeScript. */
const wanted = (what: string) => ({
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === "unrecognized_keys" ? undefined : issue.input === undefined ? missing : `must be ${what}`,
});

const flag = z.string(wanted("true or false")).regex(/^(true|false)$/i, "must be true or false")
  .transform((text) => /^true$/i.test(text));
const text = z.string(wanted("text"));

/** `dns_domain`, or `FILTER_DNS_DOMAIN` as the enum writes it. */
const type = text.transform((name, context): FilterTypeName => {
  const plain = name.startsWith("FILTER_") ? name.slice("FILTER_".length).toLowerCase() : name;
  const known = filterTypeNames.find((candidate) => candidate === plain);
  if (known !== undefined) return known;
  context.addIssue(`"${name}" is no filter type; the types are ${filterTypeNames.join(", ")}`);
  return z.NEVER;
});

const filterSchema = z.strictObject({
  id: text,
  type,
  pattern: text,
  target_hunters: z.union([z.literal("").transform(() => []), z.array(text, wanted("a list"))]).default([]),
  enabled: flag.default(true),
  description: text.default(""),
}, wanted("a filter: id, type, pattern"));

const fileSchema = z.strictObject({
  filters: z.union([
    z.literal("").transform(() => []),
    z.array(z.unknown(), wanted("a list of filters")),
  ]).default([]),
}, wanted("a mapping with the key filters"));

/** A filter of a file. */
export interface FileFilter {
  /** As it is written there. */
  readonly filter: Filter;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** Why a filter file, or one of its filters, cannot be used. */
export interface FileProblem {
  /** Where it is, from 1. */
  readonly line: number;
  /** What is wrong. */
  readonly reason: string;
  /** The filter, where only its pattern or its length is wrong, and the rest of the file is not touched by that. */
  readonly refused?: string;
}

/** What a filter file asks for. */
export interface ParsedFilters {
  /** Those that can be used. */
  readonly filters: Filter[];
  /** Those that cannot, by their patterns, and why. */
  readonly refused: readonly FileProblem[];
}

/**
 * Reads filters from YAML: a list under `filters`, each with `id`, `type`, `pattern`, and if wanted `target_hunters`,
 * `enabled` (true when left out) and `description`. Throws OperatorError naming file and line where that is not what is
 * there; a filter whose pattern cannot be used is refused alone.
 */
export function parseFilters(source: string, path: string): ParsedFilters {
  const { filters, problems } = examineFilters(source);
  const problem = problems.find(({ refused }) => refused === undefined);
  if (problem !== undefined) throw new OperatorError(`${path}:${problem.line}: ${problem.reason}`);
  return { filters: filters.map(({ filter }) => filter), refused: problems };
}

/** The filters of {@link parseFilters} that can be used, and everything that is wrong with the others. */
export function examineFilters(source: string): { filters: FileFilter[]; problems: FileProblem[] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(source, { ...yamlOptions, lineCounter });
  const lineOf = (offset: number) => lineCounter.linePos(offset).line;
  // A tag that is not known is a warning to the library. The value would not be what was meant.
  const mistakes = [...document.errors, ...document.warnings];
  if (mistakes.length > 0) {
    const problems = mistakes.slice(0, maxSyntaxProblems).map(({ code, pos, message }) => ({
      line: lineOf(pos[0]),
      reason: code === "MULTIPLE_DOCS"
        ? "the file must be one YAML document"
        : message.split(" at line ")[0] ?? message,
    }));
    return { filters: [], problems };
  }
  /** Where the innermost part of `way` that is there begins. */
  const lineAt = (way: readonly PropertyKey[]): number => {
    for (let length = way.length; length > 0; length--) {
      const node = document.getIn(way.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return lineOf(node.range[0]);
    }
    return lineOf(0);
  };
  /** What `error` says about the part of the file at `way`. */
  const problemsOf = (error: z.core.$ZodError, way: readonly PropertyKey[]): FileProblem[] => {
    const issues = error.issues.flatMap(innermost);
    // A key that is not known often is the one that is missing.
    const unknown = issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => ({
          line: lineAt([...way, ...issue.path, key]),
          reason: `unknown key "${key}"`,
        }))
        : []
    );
    const others = issues.flatMap((issue) => {
      if (issue.code === "unrecognized_keys") return [];
      const place = [...way, ...issue.path];
      const isMissing = issue.message === missing;
      return isMissing && unknown.length > 0
        ? []
        : [{ line: lineAt(place), reason: sentence(place.at(-1), issue.message) }];
    });
    return [...unknown, ...others];
  };
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    // Aliases that multiply each other.
    return { filters: [], problems: [{ line: 1, reason: messageOf(error) }] };
  }
  const file = fileSchema.safeParse(content === null || content === "" ? {} : content);
  if (!file.success) return { filters: [], problems: problemsOf(file.error, []) };
  const filters: FileFilter[] = [];
  const problems: FileProblem[] = [];
  const seen = new Set<string>();
  file.data.filters.forEach((entry, at) => {
    const way = ["filters", at];
    const result = filterSchema.safeParse(entry);
    if (!result.success) return problems.push(...problemsOf(result.error, way));
    const { target_hunters, ...rest } = result.data;
    const filter: Filter = { ...rest, targetHunters: target_hunters };
    const line = lineAt(way);
    if (seen.has(filter.id)) return problems.push({ line, reason: `filter ${filter.id} is there twice` });
    seen.add(filter.id);
    const reason = filterProblem(filter);
    if (reason === undefined) return filters.push({ filter, line });
    // One without an id cannot be named.
    problems.push(filter.id === "" ? { line, reason } : { line, reason, refused: filter.id });
  });
  return { filters, problems };
}

/**
 * The text of a filter file. Undefined when there is no such file. Throws OperatorError when it cannot be read.
 * @param reader who wants it, for messages
 */
export function readFilterFile(path: string, reader = "--filter-file"): string | undefined {
  requirePermission({ name: "read", path }, `reading ${path} (${reader})`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof TypeError) throw new OperatorError(`${reader}: ${path} is not UTF-8 text`);
    throw new OperatorError(`${reader}: cannot read ${path}: ${messageOf(error)}`);
  }
}

/**
 * Writes a change of one filter into the file, and leaves the rest of its text as it is. Throws OperatorError when the
 * file may not be written, or holds something that is no filter file.
 * @param filter undefined removes the filter
 */
export function writeFilter(path: string, id: string, filter: Filter | undefined): void {
  requirePermission({ name: "write", path }, `writing ${path} (--filter-file)`);
  const source = readFilterFile(path) ?? "";
  parseFilters(source, path);
  const document = parseDocument(source, yamlOptions);
  if (!isMap(document.contents)) {
    document.contents = document.createNode({}) as unknown as typeof document.contents;
  }
  if (!isSeq(document.get("filters"))) document.set("filters", document.createNode([]));
  const list = document.get("filters") as YAMLSeq;
  const at = list.items.findIndex((item) => isMap(item) && item.get("id") === id);
  if (filter === undefined) {
    if (at >= 0) list.delete(at);
  } else if (at >= 0) list.set(at, document.createNode(entryOf(filter)));
  else list.add(document.createNode(entryOf(filter)));
  list.flow = false;
  try {
    replaceFile(path, document.toString({ lineWidth: 0 }));
  } catch (error) {
    throw new OperatorError(`--filter-file: cannot write ${path}: ${messageOf(error)}`);
  }
}

function entryOf(filter: Filter): Record<string, unknown> {
  return {
    id: quoted(filter.id),
    type: filter.type,
    pattern: quoted(filter.pattern),
    ...(filter.targetHunters.length > 0 && { target_hunters: filter.targetHunters.map(quoted) }),
    enabled: String(filter.enabled),
    ...(filter.description !== "" && { description: quoted(filter.description) }),
  };
}

/** Other readers of the file take what looks like a number, a date or a boolean for one. */
function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** In one step where the folder may be written, so that no reader ever sees half a file. */
function replaceFile(path: string, content: string): void {
  const target = existing(path) ? Deno.realPathSync(path) : path;
  const temporary = `${target}.tmp`;
  if (!isGranted({ name: "write", path: temporary }) || !isGranted({ name: "write", path: target })) {
    Deno.writeTextFileSync(path, content, { mode: 0o600 });
    return;
  }
  Deno.writeTextFileSync(temporary, content, {
    mode: existing(target) ? Deno.statSync(target).mode ?? 0o600 : 0o600,
  });
  Deno.renameSync(temporary, target);
}

function existing(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

type Issue = z.core.$ZodIssue;

/** The issues inside a union: those of its last form, the one that is not the empty value. */
function innermost(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  return (issue.errors.at(-1) ?? []).flatMap((inner) =>
    innermost({ ...inner, path: [...issue.path, ...inner.path] })
  );
}

function sentence(key: PropertyKey = "the file", message = "is wrong"): string {
  return `${typeof key === "number" ? `entry ${key + 1}` : String(key)} ${message}`;
}
