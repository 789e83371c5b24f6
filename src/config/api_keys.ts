import { z } from "zod";
import { OperatorError } from "../runtime/operator_error.ts";

/** The key of the configuration file with the list, as in lippycat. */
export const apiKeysKey = "security.api_keys.keys";

/** What the holder of an API key may do: send packets, watch, or everything. */
export type ApiKeyRole = "hunter" | "subscriber" | "admin";

const roles = ["hunter", "subscriber", "admin"] as const satisfies readonly ApiKeyRole[];

/** An API key that a processor admits. */
export interface ApiKeyEntry {
  /** The key itself: a secret. */
  readonly key: string;
  /** What its holder may do. */
  readonly role: ApiKeyRole;
  /** Whom it was given to; may be empty. */
  readonly description: string;
}

/** What a key is made of: what an HTTP/2 header field carries as it is (RFC 9110, section 5.5), without blanks. */
export const apiKeyPattern = /^[\x21-\x7e]{1,4096}$/;

/** One entry of the list, as JSON Schema has it, too. */
export function apiKeyItem(): z.ZodType<ApiKeyEntry> {
  return z.strictObject({
    key: z.string({ error: "must be text: put quotes around it" }).regex(apiKeyPattern, {
      error: "must be 1 to 4096 printable ASCII characters, without blanks",
    }),
    role: z.enum(roles, { error: `must be one of ${roles.join(", ")}` }),
    description: z.string().nullish().transform((text) => text ?? ""),
  });
}

/**
 * Checks a list of API keys as it was read from YAML; nothing is an empty list. Throws OperatorError (exit code 2)
 * that names `place` and the entry, and shows no key.
 */
export function parseApiKeys(value: unknown, place: string): ApiKeyEntry[] {
  if (value === null || value === undefined) return [];
  const wrong = (what: string) => new OperatorError(`${place}: ${what}`, 2);
  if (!Array.isArray(value)) throw wrong("must be a list of entries with key, role and description");
  const entry = apiKeyItem();
  const seen = new Set<string>();
  return value.map((item, index) => {
    const { success, data, error } = entry.safeParse(item);
    if (!success) {
      const [issue] = error.issues;
      const where = issue === undefined || issue.path.length === 0 ? "" : ` ${issue.path.join(".")}:`;
      throw wrong(`entry ${index + 1}:${where} ${issue?.message ?? "is not an entry"}`);
    }
    if (seen.has(data.key)) throw wrong(`entry ${index + 1}: an entry before has the same key`);
    seen.add(data.key);
    return data;
  });
}
