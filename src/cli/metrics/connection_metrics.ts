import type { ConnectionFigures } from "../../hunter/connection_figures.ts";
import { hunterStatusNames } from "../../proto/hunter_status.ts";
import type { HunterStatus } from "../../proto/management_messages.ts";
import { counter, gauge, type Metric, oneHot } from "../../telemetry/metric.ts";

const states: readonly ConnectionFigures["state"][] = ["connecting", "connected", "waiting", "stopped"];
const breakerStates: readonly ConnectionFigures["breaker"][] = ["closed", "open", "half-open"];
const roles: readonly ConnectionFigures["certificates"][number]["role"][] = ["own", "peer", "ca"];
/** Status codes of gRPC. */
const maxCodes = 17;

/** A hunter's connection to its processor, and what it says of itself there. */
export function connectionMetrics(
  figures: () => ConnectionFigures,
  heartbeats: () => { readonly status: HunterStatus; readonly count: number },
): Metric[] {
  return [
    gauge({
      name: "caracal_hunter_status",
      help: "1 for the status in the last heartbeat, 0 for the others",
      label: { name: "status", values: hunterStatusNames },
      read: () => oneHot(hunterStatusNames, hunterStatusNames[heartbeats().status] ?? ""),
    }),
    counter({
      name: "caracal_heartbeats_total",
      help: "Heartbeats sent, or tried to send",
      read: () => heartbeats().count,
    }),
    gauge({
      name: "caracal_connection_state",
      help: "1 for the state of the connection to the processor, 0 for the others",
      label: { name: "state", values: states },
      read: () => oneHot(states, figures().state),
    }),
    gauge({
      name: "caracal_connection_state_seconds",
      help: "For how long the connection has been in this state",
      unit: "seconds",
      read: () => figures().forMs / 1000,
    }),
    gauge({
      name: "caracal_connection_next_attempt_seconds",
      help: "Time until the next attempt to connect; none unless one is waited for",
      unit: "seconds",
      read: () => secondsOf(figures().nextAttemptInMs),
    }),
    counter({
      name: "caracal_connection_attempts_total",
      help: "Attempts to connect",
      read: () => figures().attempts,
    }),
    counter({
      name: "caracal_connections_total",
      help: "Attempts that led to a registration",
      read: () => figures().connections,
    }),
    counter({
      name: "caracal_connection_failures_total",
      help: "Failed attempts and lost connections, by gRPC status code",
      label: { name: "code", values: maxCodes },
      read: () => figures().failures,
    }),
    gauge({
      name: "caracal_circuit_breaker_state",
      help: "1 for the state of the circuit breaker, 0 for the others",
      label: { name: "state", values: breakerStates },
      read: () => oneHot(breakerStates, figures().breaker),
    }),
    counter({
      name: "caracal_circuit_breaker_openings_total",
      help: "Times that the circuit breaker opened",
      read: () => figures().breakerOpenings,
    }),
    gauge({
      name: "caracal_certificate_expiry_timestamp_seconds",
      help: "When the first certificate in use of each role ends to be valid, since 1970",
      unit: "seconds",
      label: { name: "role", values: roles },
      read: () => firstExpiries(figures()),
    }),
  ];
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** Seconds since 1970, by role; roles without a certificate are left out. */
function firstExpiries({ certificates }: ConnectionFigures): Map<string, number> {
  const expiries = new Map<string, number>();
  for (const { role, notAfterMs } of certificates) {
    expiries.set(role, Math.min(notAfterMs / 1000, expiries.get(role) ?? Infinity));
  }
  return expiries;
}
