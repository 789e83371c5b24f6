/** Opens the spool in the folder that is its argument, says so, and holds it until it is killed. */
import { DiskSpool } from "../../src/delivery/spool/disk_spool.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { numbered } from "./batches.ts";

try {
  const spool = DiskSpool.open(Deno.args[0] ?? "", {
    maxBytes: 1 << 20,
    whenFull: "drop-newest",
    sync: "interval",
    syncIntervalMs: 1_000,
    onFault: (line) => console.error(line),
  });
  spool.append(numbered(spool.firstSequence));
  console.error("open");
  await new Promise((resolve) => setTimeout(resolve, 20_000));
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  console.error(error.message);
  Deno.exit(error.exitCode);
}
