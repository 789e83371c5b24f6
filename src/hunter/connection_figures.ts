import type { BreakerState } from "../delivery/circuit_breaker.ts";
import type { CertificateFigures } from "../proto/certificate_validity.ts";

export type { BreakerState, CertificateFigures };

/** Where a hunter stands with its processor. */
export type HunterState = "connecting" | "connected" | "waiting" | "stopped";

/** What a hunter knows of its connection, for status, metrics and log; all counts are since the start. */
export interface ConnectionFigures {
  /** `host:port`. */
  readonly processor: string;
  /** The name that the processor gave itself last; empty when it did not say, or was never reached. */
  readonly processorId: string;
  /** Where it stands now. */
  readonly state: HunterState;
  /** For how long it has been so, ms. */
  readonly forMs: number;
  /** Attempts to connect. */
  readonly attempts: number;
  /** Attempts that led to a registration. */
  readonly connections: number;
  /** Failed attempts and lost connections, by name of the gRPC status code: one of 17. */
  readonly failures: ReadonlyMap<string, number>;
  /** The last of them, one line; empty when there was none. */
  readonly lastError: string;
  /** State of the circuit breaker. */
  readonly breaker: BreakerState;
  /** Times that the circuit breaker opened. */
  readonly breakerOpenings: number;
  /** Time until the next attempt begins, ms; undefined except while waiting. */
  readonly nextAttemptInMs: number | undefined;
  /** Certificates in use; those of the other side once there was a connection. Empty in plain text. */
  readonly certificates: readonly CertificateFigures[];
}

/** Collects {@link ConnectionFigures}. */
export class ConnectionRecord {
  readonly #processor: string;
  readonly #failures = new Map<string, number>();
  #processorId = "";
  #state: HunterState = "waiting";
  /** When the state began; of a clock that nobody sets, as the next. */
  #since = performance.now();
  #attempts = 0;
  #connections = 0;
  #lastError = "";
  #nextAttemptAt: number | undefined;

  /** Nothing has happened yet. */
  constructor(processor: string) {
    this.#processor = processor;
  }

  /** A state begins; `nextAttemptInMs` where it is waiting. */
  enter(state: HunterState, nextAttemptInMs?: number): void {
    this.#state = state;
    this.#since = performance.now();
    if (state === "connecting") this.#attempts += 1;
    if (state === "connected") this.#connections += 1;
    this.#nextAttemptAt = nextAttemptInMs === undefined ? undefined : this.#since + nextAttemptInMs;
  }

  /** The processor said its name. */
  named(processorId: string): void {
    if (processorId !== "") this.#processorId = processorId;
  }

  /** An attempt failed, or a connection was lost. */
  failed(code: string, line: string): void {
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
    this.#lastError = line;
  }

  /** The figures now, with what others know. */
  figures(
    others: Pick<ConnectionFigures, "breaker" | "breakerOpenings" | "certificates">,
  ): ConnectionFigures {
    const now = performance.now();
    const next = this.#nextAttemptAt;
    return {
      processor: this.#processor,
      processorId: this.#processorId,
      state: this.#state,
      forMs: now - this.#since,
      attempts: this.#attempts,
      connections: this.#connections,
      failures: new Map(this.#failures),
      lastError: this.#lastError,
      nextAttemptInMs: next === undefined ? undefined : Math.max(0, next - now),
      ...others,
    };
  }
}
