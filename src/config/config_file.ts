import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { OperatorError } from "../runtime/operator_error.ts";
import { type ApiKeyEntry, apiKeysKey, parseApiKeys } from "./api_keys.ts";
import type { AnyFlag } from "./flag.ts";
import { flagByKey } from "./flags.ts";
import { inertEntry, inertKeys } from "./inert_keys.ts";
import { suggestion } from "./nearest.ts";
import { InvalidValue } from "./value_kind.ts";

/** One key that the file sets. */
export interface ConfigEntry {
  /** In lower case, sections joined by dots. */
  readonly key: string;
  /** Its values as written, one for a key that holds no list. */
  readonly texts: readonly string[];
  /** From 1. */
  readonly line: number;
}

/** A configuration file that was read and checked. */
export interface ConfigFile {
  /** As named or found. */
  readonly path: string;
  /** By key. */
  readonly entries: ReadonlyMap<string, ConfigEntry>;
  /** The list at {@link apiKeysKey}; empty when there is none. */
  readonly apiKeys: readonly ApiKeyEntry[];
  /** One line that names the keys without effect; empty when there are none. */
  readonly warnings: readonly string[];
}

/** All section names: `hunter`, `hunter.tls`, ... */
const sections = sectionsOf([...flagByKey.keys(), ...inertKeys]);

/** Those with a key that has an effect. */
const sectionsOfFlags = sectionsOf([...flagByKey.keys()]);

function sectionsOf(keys: readonly string[]): ReadonlySet<string> {
  return new Set(keys.flatMap((key) => {
    const parts = key.split(".").slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join("."));
  }));
}

/**
 * Reads the text of a configuration file (YAML, and so JSON). Keys are compared without regard to case, and may be
 * written with dots (`hunter.id: x`) instead of in sections.
 *
 * Throws OperatorError (exit code 2) that names file, line and key: no YAML, an unknown or doubled key, a value of
 * the wrong type or out of range.
 */
export function parseConfigFile(path: string, text: string): ConfigFile {
  return new Reader(path, text).read();
}

/** Whether the file is ours at all: it has at least one known section or key at its top. */
export function isConfigFile(text: string): boolean {
  const { contents } = parseDocument(text, { prettyErrors: false });
  return isMap(contents) && contents.items.some(({ key }) => {
    const name = keyName(key)?.toLowerCase() ?? "";
    return sections.has(name) || flagByKey.has(name) || inertEntry(name) !== undefined;
  });
}

function keyName(key: unknown): string | undefined {
  return isScalar(key) ? key.source ?? String(key.value) : undefined;
}

/** What the YAML library's messages would leave unclear. */
const ownWords: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "this key was set before",
  MULTIPLE_DOCS: "a configuration file holds one document",
};

class Reader {
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #entries = new Map<string, ConfigEntry>();
  readonly #withoutEffect: string[] = [];
  #apiKeys: readonly ApiKeyEntry[] = [];

  constructor(readonly path: string, text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  read(): ConfigFile {
    const [error] = this.#document.errors;
    if (error !== undefined) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      const what = ownWords[error.code] ?? error.message;
      throw new OperatorError(`${this.path}:${line}:${col}: ${what}`, 2);
    }
    const { contents } = this.#document;
    if (isMap(contents)) this.#readSection(contents, "");
    else if (contents !== null && !(isScalar(contents) && contents.value === null)) {
      throw new OperatorError(
        `${this.path}:1: a configuration file holds keys and values, such as "hunter:"`,
        2,
      );
    }
    const warnings = this.#withoutEffect.length === 0
      ? []
      : [`${this.path}: these keys have no effect yet: ${this.#withoutEffect.join(", ")}`];
    return { path: this.path, entries: this.#entries, apiKeys: this.#apiKeys, warnings };
  }

  #readSection(section: YAMLMap, prefix: string): void {
    for (const { key: keyNode, value: valueNode } of section.items) {
      const line = this.#lineOf(keyNode);
      const name = keyName(keyNode);
      if (name === undefined) throw new OperatorError(`${this.path}:${line}: a key must be a word`, 2);
      const written = prefix + name;
      const value = this.#resolve(valueNode, written, line);
      const key = written.toLowerCase();
      const flag = flagByKey.get(key);
      if (flag !== undefined) this.#readValue(flag, key, value, line);
      else if (key === apiKeysKey) {
        const list = isNothing(value) || !isNode(value) ? null : value.toJS(this.#document);
        this.#apiKeys = parseApiKeys(list, `${this.path}:${line}: ${written}`);
      } else if (sections.has(key)) this.#enter(written, value, line);
      else if (inertEntry(key) === undefined) {
        const known = suggestion(key, [
          ...flagByKey.keys(),
          ...sections,
          ...inertKeys.filter((k) => !k.endsWith("*")),
        ]);
        throw new OperatorError(`${this.path}:${line}: unknown key ${written}${known}`, 2);
      } else if (!isNothing(value)) this.#withoutEffect.push(`${written} (line ${line})`);
    }
  }

  #enter(written: string, value: unknown, line: number): void {
    if (isNothing(value)) return;
    const section = written.toLowerCase();
    const inert = !sectionsOfFlags.has(section) && inertEntry(section) !== undefined;
    if (inert) this.#withoutEffect.push(`${written} (line ${line})`);
    else if (isMap(value)) this.#readSection(value, `${written}.`);
    else throw this.#error(line, written, "is a section, and needs keys below it");
  }

  #readValue(flag: AnyFlag, key: string, value: unknown, line: number): void {
    const before = this.#entries.get(key);
    if (before !== undefined) throw this.#error(line, key, `was set before, in line ${before.line}`);
    if (isNothing(value)) return;
    const nodes = isSeq(value) ? value.items : [value];
    if (isSeq(value) && !flag.kind.list) throw this.#error(line, key, `a list is not ${flag.kind.allowed}`);
    const texts = nodes.map((node) => this.#textOf(flag, key, node, line));
    try {
      flag.kind.parse(texts);
    } catch (error) {
      if (error instanceof InvalidValue) {
        throw this.#error(line, key, flag.secret ? `is not ${flag.kind.allowed}` : error.message);
      }
      throw error;
    }
    this.#entries.set(key, { key, texts, line });
  }

  #textOf(flag: AnyFlag, key: string, node: unknown, line: number): string {
    const target = this.#resolve(node, key, line);
    if (isScalar(target) && target.value !== null) return target.source ?? String(target.value);
    const found = isMap(target) ? "a section" : isSeq(target) ? "a list" : "nothing";
    throw this.#error(line, key, `${found} is not ${flag.kind.allowed}`);
  }

  #resolve(node: unknown, key: string, line: number): unknown {
    if (!isAlias(node)) return node;
    const target = node.resolve(this.#document);
    if (target !== undefined) return target;
    throw this.#error(line, key, `put quotes around "*${node.source}": a bare * is an alias in YAML`);
  }

  #lineOf(node: unknown): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
    return this.#lines.linePos(range?.[0] ?? 0).line;
  }

  #error(line: number, key: string, what: string): OperatorError {
    return new OperatorError(`${this.path}:${line}: ${key}: ${what}`, 2);
  }
}

/** Empty values leave a key unset: lippycat's example files set many to `""`. */
function isNothing(value: unknown): boolean {
  if (isSeq(value)) return value.items.length === 0;
  return value === null || (isScalar(value) && (value.value === null || value.value === ""));
}
