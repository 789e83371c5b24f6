import { apiKeyPattern } from "../config/api_keys.ts";
import type { Settings } from "../config/settings.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";

/** Gives the API key of the hunter; a key in a file may change while the program runs. */
export class ApiKeySource {
  readonly #file: string | undefined;
  #key: string | undefined;
  #told = "";

  /** Reads the key. Throws OperatorError, exit code 2, when there is none where there should be one. */
  constructor(settings: Pick<Settings, "apiKey" | "apiKeyFile">) {
    this.#file = settings.apiKey === undefined ? settings.apiKeyFile : undefined;
    this.#key = this.#file === undefined ? settings.apiKey : readKey(this.#file);
    if (this.#file === undefined && this.#key !== undefined && !apiKeyPattern.test(this.#key)) {
      throw new OperatorError(
        "--api-key: a key is made of 1 to 4096 printable ASCII characters, without blanks",
        2,
      );
    }
  }

  /** The key now: of a file that no longer holds one, the last that it held. Undefined when there is none. */
  current(): string | undefined {
    if (this.#file === undefined) return this.#key;
    try {
      this.#key = readKey(this.#file);
      this.#told = "";
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (this.#told !== error.message) {
        logger("hunter").warn(`${error.message}; the key read before is used`);
      }
      this.#told = error.message;
    }
    return this.#key;
  }
}

/** The first line of the file; no message shows what is in it. */
function readKey(path: string): string {
  requirePermission({ name: "read", path }, `reading ${path} (--api-key-file)`);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new OperatorError(`--api-key-file: cannot read ${path}: ${messageOf(error)}`, 2);
  }
  const [line = ""] = text.replace(/^\uFEFF/, "").split("\n", 1);
  const key = line.trim();
  if (key === "") throw new OperatorError(`--api-key-file: the first line of ${path} is empty`, 2);
  if (!apiKeyPattern.test(key)) {
    throw new OperatorError(
      `--api-key-file: the first line of ${path} is no key of 1 to 4096 printable ASCII characters without blanks`,
      2,
    );
  }
  return key;
}
