import { isMap, isSeq, LineCounter, parseDocument, Scalar, type YAMLSeq } from "yaml";
import { z } from "zod";
import { type Filter, type FilterTypeName, filterTypeNames } from "../engine/filter.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { isGranted, requirePermission } from "../runtime/permissions.ts";
import { filterProblem } from "./filter_validation.ts";

/** Every scalar is read as the text that stands in the file: `0049...` is a number of digits, not an integer. */
const yamlOptions = { schema: "failsafe" as const, lineCounter: undefined as LineCounter | undefined };

/** Says what a value must be, where zod would speak of types of TypeScript. */
const wanted = (what: string) => ({
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === "unrecognized_keys"
      ? undefined
      : issue.input === undefined
      ? "is missing"
      : `must be ${what}`,
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

const fileSchema = z.strictObject({
  filters: z.union([
    z.literal("").transform(() => []),
    z.array(
      z.strictObject({
        id: text,
        type,
        pattern: text,
        target_hunters: z.union([z.literal("").transform(() => []), z.array(text, wanted("a list"))]).default(
          [],
        ),
        enabled: flag.default(true),
        description: text.default(""),
      }, wanted("a filter: id, type, pattern")),
      wanted("a list of filters"),
    ),
  ]).default([]),
}, wanted("a mapping with the key filters"));

/**
 * Reads filters from YAML: a list under `filters`, each with `id`, `type`, `pattern`, and if wanted `target_hunters`,
 * `enabled` (true when left out) and `description`. Throws OperatorError naming file and line.
 */
export function parseFilters(source: string, path: string): Filter[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(source, { ...yamlOptions, lineCounter });
  const fail = (offset: number, problem: string): never => {
    throw new OperatorError(`${path}:${lineCounter.linePos(offset).line}: ${problem}`);
  };
  const [error] = document.errors;
  if (error !== undefined) fail(error.pos[0], error.message.split(" at line ")[0] ?? error.message);
  /** Where the innermost part of `way` that is there begins. */
  const offsetOf = (way: readonly PropertyKey[]): number => {
    for (let length = way.length; length > 0; length--) {
      const node = document.getIn(way.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return node.range[0];
    }
    return 0;
  };
  const content: unknown = document.toJS();
  const result = fileSchema.safeParse(content === null || content === "" ? {} : content);
  if (!result.success) {
    // A key that is not known often is the one that is missing.
    const issues = result.error.issues.flatMap(innermost);
    const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
    const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
    const problem = keys.length > 0
      ? `unknown key "${keys[0]}"`
      : sentence(issue?.path.at(-1), issue?.message);
    return fail(offsetOf([...issue?.path ?? [], ...keys.slice(0, 1)]), problem);
  }
  const seen = new Set<string>();
  return result.data.filters.map(({ target_hunters, ...rest }, at) => {
    const filter: Filter = { ...rest, targetHunters: target_hunters };
    const problem = seen.has(filter.id) ? `filter ${filter.id} is there twice` : filterProblem(filter);
    if (problem !== undefined) fail(offsetOf(["filters", at]), problem);
    seen.add(filter.id);
    return filter;
  });
}

/** The text of a filter file. Undefined when there is no such file. Throws OperatorError when it cannot be read. */
export function readFilterFile(path: string): string | undefined {
  requirePermission({ name: "read", path }, `reading ${path} (--filter-file)`);
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new OperatorError(`--filter-file: cannot read ${path}: ${messageOf(error)}`);
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
