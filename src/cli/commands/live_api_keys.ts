import { ApiKeys } from "../../processor/api_keys.ts";
import type { Run } from "../run.ts";

/** The API keys that a processor admits; those of the configuration file may change. Throws OperatorError. */
export function apiKeysOf(run: Run): ApiKeys | undefined {
  if (!run.settings.apiKeyAuth) return undefined;
  const keys = new ApiKeys(run.settings);
  run.follow({
    settings: ["apiKeys"],
    check: (next) => void new ApiKeys(next),
    apply: (next) => keys.configure(next),
  });
  return keys;
}
