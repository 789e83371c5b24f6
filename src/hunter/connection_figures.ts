/** Where a hunter stands with its processor. */
export type HunterState = "connecting" | "connected" | "waiting" | "stopped";

/** `closed`: attempts are made; `open`: none is made for a while; `half-open`: one is made to see. */
export type BreakerState = "closed" | "open" | "half-open";

/** Validity of a certificate in use. */
export interface CertificateFigures {
  /** Whose: this side's, the other side's, or that of the authority that verifies the other side. */
  readonly role: "own" | "peer" | "ca";
  /** Subject as one line, such as `CN=processor`. */
  readonly subject: string;
  /** Start of its validity, ms since the epoch. */
  readonly notBeforeMs: number;
  /** End of its validity, ms since the epoch. */
  readonly notAfterMs: number;
}

/** What a hunter knows of its connection, for status, metrics and log; all counts are since the start. */
export interface ConnectionFigures {
  /** `host:port`. */
  readonly processor: string;
  /** The name that the processor gave itself last; empty when it did not say, or was never reached. */
  readonly processorId: string;
  /** Where it stands now. */
  readonly state: HunterState;
  /** When that state began, ms since the epoch. */
  readonly sinceMs: number;
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
  /** When the next attempt begins, ms since the epoch; undefined except while waiting. */
  readonly nextAttemptAtMs: number | undefined;
  /** Certificates in use; those of the other side once there was a connection. Empty in plain text. */
  readonly certificates: readonly CertificateFigures[];
}
