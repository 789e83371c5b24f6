import { createHash, timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { parse } from "yaml";
import { type ApiKeyEntry, type ApiKeyRole, parseApiKeys } from "../config/api_keys.ts";
import type { Settings } from "../config/settings.ts";
import { apiKeyMetadata } from "../proto/contract.ts";
import { dataService, managementService } from "../proto/services.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { requirePermission } from "../runtime/permissions.ts";
import { logger } from "../telemetry/log.ts";

/** Refused calls are logged at most this often, ms. */
const logEveryMs = 10_000;

/** What each role may call, besides `admin`, which may call everything. */
const allowed: Readonly<Record<Exclude<ApiKeyRole, "admin">, ReadonlySet<string>>> = {
  hunter: new Set(
    [
      dataService.StreamPackets,
      managementService.RegisterHunter,
      managementService.RegisterProcessor,
      managementService.Heartbeat,
      managementService.GetFilters,
      managementService.SubscribeFilters,
    ].map(({ path }) => path),
  ),
  subscriber: new Set(
    [
      dataService.SubscribePackets,
      dataService.SubscribeCorrelatedCalls,
      managementService.GetHunterStatus,
      managementService.ListAvailableHunters,
      managementService.GetTopology,
      managementService.SubscribeTopology,
      managementService.GetFiltersFromProcessor,
      managementService.RequestAuthToken,
    ].map(({ path }) => path),
  ),
};

/** A key of which only the digest is kept. */
interface KnownKey extends Pick<ApiKeyEntry, "role" | "description"> {
  readonly digest: Uint8Array;
}

/** The settings that say who may call a processor. */
export type ApiKeySettings = Pick<Settings, "apiKeyAuth" | "apiKeysFile" | "apiKeys">;

/** Knows the API keys that a processor admits, and what each of them allows. */
export class ApiKeys {
  #settings: ApiKeySettings;
  #known: readonly KnownKey[];
  #told = "";
  #refused = 0;
  #loggedAt = -Infinity;
  #unlogged = 0;

  /** Reads the file of keys, if there is one. Throws OperatorError, exit code 2, also when there is no key at all. */
  constructor(settings: ApiKeySettings) {
    this.#settings = settings;
    this.#known = this.#readSome();
  }

  /** Takes other settings. Throws OperatorError, and changes nothing, when they hold no keys. */
  configure(settings: ApiKeySettings): void {
    const before = this.#settings;
    this.#settings = settings;
    try {
      this.#known = this.#readSome();
    } catch (error) {
      this.#settings = before;
      throw error;
    }
  }

  /** Calls refused since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes changed keys; a file that cannot be used changes nothing, and is told of once. For a timer. */
  refresh(): void {
    try {
      const known = this.#read();
      this.#told = "";
      if (isDeepStrictEqual(known, this.#known)) return;
      if (known.length === 0) {
        throw new OperatorError(
          `${this.#settings.apiKeysFile ?? "security.api_keys.keys"}: there are no keys any more`,
          2,
        );
      }
      this.#known = known;
      logger("processor").info(`${known.length} API keys in force from now on`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (this.#told !== error.message) {
        logger("processor").warn(`${error.message}; the keys read before stay in force`);
      }
      this.#told = error.message;
    }
  }

  /** Why a caller with this key must not call the method at `path`; undefined when it may. */
  problemOf(key: string | undefined, path: string): string | undefined {
    if (key === undefined) return "it has no API key";
    // Every key is compared, so that the time taken says nothing about them.
    const digest = digestOf(key);
    let found: KnownKey | undefined;
    for (const known of this.#known) if (timingSafeEqual(known.digest, digest)) found = known;
    if (found === undefined) return "its API key is not known";
    if (found.role === "admin" || allowed[found.role].has(path)) return undefined;
    return `its API key (${found.description || "without description"}) is for the role ${found.role}`;
  }

  /** For the server: ends every call that its key does not allow, and tells the caller no more than that. */
  readonly interceptor: ServerInterceptor = ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, forward) => {
            const [key] = metadata.get(apiKeyMetadata);
            metadata.remove(apiKeyMetadata);
            const problem = this.problemOf(key === undefined ? undefined : String(key), path);
            if (problem === undefined) return forward(metadata);
            this.#refuse(`the call of ${path} by ${call.getPeer()} was refused: ${problem}`);
            call.sendStatus({ code: status.UNAUTHENTICATED, details: "authentication failed" });
          },
        }),
    });

  #refuse(line: string): void {
    this.#refused += 1;
    const now = performance.now();
    if (now - this.#loggedAt < logEveryMs) {
      this.#unlogged += 1;
      return;
    }
    const others = this.#unlogged === 0
      ? ""
      : ` (and ${this.#unlogged} other calls since the last such line)`;
    logger("processor").warn(line + others);
    this.#loggedAt = now;
    this.#unlogged = 0;
  }

  #readSome(): KnownKey[] {
    const known = this.#read();
    if (known.length > 0) return known;
    throw new OperatorError(
      "--api-key-auth: there are no keys: add security.api_keys.keys to the configuration file, or --api-keys-file",
      2,
    );
  }

  #read(): KnownKey[] {
    const { apiKeys, apiKeysFile } = this.#settings;
    const entries = apiKeysFile === undefined ? apiKeys : [...apiKeys, ...this.#readFile(apiKeysFile)];
    return entries.map(({ key, role, description }) => ({ digest: digestOf(key), role, description }));
  }

  #readFile(path: string): ApiKeyEntry[] {
    requirePermission({ name: "read", path }, `reading ${path} (--api-keys-file)`);
    let text: string;
    let value: unknown;
    try {
      text = Deno.readTextFileSync(path);
    } catch (error) {
      throw new OperatorError(`--api-keys-file: cannot read ${path}: ${messageOf(error)}`, 2);
    }
    try {
      value = parse(text, { prettyErrors: false });
    } catch {
      // The message of the YAML library may quote the file.
      throw new OperatorError(`--api-keys-file: ${path} is no YAML`, 2);
    }
    const entries = parseApiKeys(value, `--api-keys-file: ${path}`);
    return entries;
  }
}

function digestOf(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}
