import type { SpoolFullPolicy } from "../../src/delivery/spool.ts";
import { DiskSpool, type DiskSpoolOptions } from "../../src/delivery/spool/disk_spool.ts";
import { FaultDisk } from "./fault_disk.ts";
import { emptyDisk, MemorySpool } from "./memory_spool.ts";
import { spoolContract, type SpoolUnderTest } from "./spool_contract.ts";

function options(batches: number, whenFull: SpoolFullPolicy): DiskSpoolOptions {
  const segmentBytes = 64 + 2 * 1_064;
  return {
    maxBytes: (batches / 2 + 1) * segmentBytes,
    segmentBytes,
    whenFull,
    sync: "interval",
    syncIntervalMs: 1_000,
    onFault: (line) => {
      throw new Error(line);
    },
  };
}

spoolContract((): SpoolUnderTest => {
  const disk = emptyDisk();
  return {
    name: "memory spool",
    open: (batches, whenFull) => new MemorySpool(disk, (batches + 1) * 1_000, whenFull),
    reopen: () => new MemorySpool(disk),
    dispose: () => {},
  };
});

spoolContract((): SpoolUnderTest => {
  const disk = new FaultDisk();
  let used = options(0, "drop-newest");
  return {
    name: "disk spool in memory",
    open: (batches, whenFull) => DiskSpool.on(disk.mount(), used = options(batches, whenFull)),
    reopen: () => DiskSpool.on(disk.mount(), used),
    dispose: () => {},
  };
});

spoolContract((): SpoolUnderTest => {
  let folder = "";
  let used = options(0, "drop-newest");
  return {
    name: "disk spool",
    open: (batches, whenFull) => {
      folder = Deno.makeTempDirSync();
      return DiskSpool.open(`${folder}/new/buffer`, used = options(batches, whenFull));
    },
    reopen: () => DiskSpool.open(`${folder}/new/buffer`, used),
    dispose: () => Deno.removeSync(folder, { recursive: true }),
  };
});
