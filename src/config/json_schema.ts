import { apiKeyItem, apiKeysKey } from "./api_keys.ts";
import { z } from "zod";
import { type AnyFlag, defaultFor, type RunCommand, runCommands } from "./flag.ts";
import { flags } from "./flags.ts";
import { inertKeys } from "./inert_keys.ts";

/** A JSON Schema (draft 2020-12). */
export type JsonSchema = { [keyword: string]: unknown };

/**
 * The JSON Schema of the configuration file, for editors. Keys that lippycat has and this version does not act on are
 * allowed and marked deprecated.
 */
export function configFileSchema(): JsonSchema {
  const root = section();
  root.$schema = "https://json-schema.org/draft/2020-12/schema";
  root.title = "Caracal configuration file";
  for (const flag of flags) {
    for (const command of runCommands) {
      for (const key of flag.keys[command] ?? []) place(root, key.split("."), valueSchema(flag, command));
    }
  }
  place(root, apiKeysKey.split("."), {
    description: "API keys that a processor admits (--api-key-auth)",
    type: ["array", "null"],
    items: z.toJSONSchema(apiKeyItem(), { io: "input" }),
  });
  const inert = { deprecated: true, description: "has no effect yet" };
  for (const key of inertKeys) {
    const placed = place(root, key.replace(/\.\*$/, "").split("."), { ...inert });
    // Flags have some of the section's keys.
    if (key.endsWith(".*") && placed.properties !== undefined) placed.additionalProperties = { ...inert };
  }
  return root;
}

function section(): JsonSchema {
  return { type: ["object", "null"], additionalProperties: false, properties: {} };
}

/** Gives a key its schema unless it has one, and returns the one that it has then. */
function place(parent: JsonSchema, [name = "", ...rest]: string[], schema: JsonSchema): JsonSchema {
  const properties = parent.properties as Record<string, JsonSchema>;
  if (rest.length === 0) return properties[name] ??= schema;
  return place(properties[name] ??= section(), rest, schema);
}

function valueSchema(flag: AnyFlag, command: RunCommand): JsonSchema {
  const { $schema: _, ...item } = z.toJSONSchema(flag.kind.item(), { io: "output" }) as JsonSchema;
  const list = [{ type: "string" }, { type: "array", items: item }];
  const forms = !flag.kind.list ? [item] : item.type === "string" ? list : [...list, item];
  const unset = { enum: ["", null] };
  const value = defaultFor(flag, command);
  return {
    description: `${flag.help} (--${flag.long})`,
    anyOf: [...forms, unset],
    ...value === undefined ? {} : { default: value },
  };
}
