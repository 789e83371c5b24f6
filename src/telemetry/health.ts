/** One condition that a process must meet. */
export interface HealthCheck {
  /** Short, in lower case: `registration`. */
  readonly name: string;
  /** What is wrong now, one line; undefined when nothing is. */
  readonly problem: () => string | undefined;
}

/** What is wrong, in the JSON of `/healthz` and `/readyz`. */
export interface HealthReport {
  /** `ok` when nothing is wrong. */
  readonly status: "ok" | "failing";
  /** What is wrong, by name of the check. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Asks all checks. */
export function healthReport(checks: readonly HealthCheck[]): HealthReport {
  const reasons: Record<string, string> = {};
  for (const { name, problem } of checks) {
    const reason = problem();
    if (reason !== undefined) reasons[name] = reason;
  }
  return { status: Object.keys(reasons).length === 0 ? "ok" : "failing", reasons };
}
