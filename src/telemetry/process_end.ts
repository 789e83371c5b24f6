import { isTelemetryExported } from "./open_telemetry.ts";

/** What still runs after this time does not end by itself, ms. */
const patienceMs = 3_000;

/**
 * Ends the process with `code`, once all work is done. With OpenTelemetry, `Deno.exit` waits for ever when metrics are
 * being collected at that moment (Deno 2.9.6): the process then ends by having nothing left to do.
 */
export function endProcess(code: number): void {
  if (!isTelemetryExported()) Deno.exit(code);
  Deno.exitCode = code;
  Deno.unrefTimer(setTimeout(() => Deno.exit(), patienceMs));
}
