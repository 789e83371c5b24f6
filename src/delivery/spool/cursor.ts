import type { Clock } from "./clock.ts";
import { stateFiles } from "./file_names.ts";
import { encodeState } from "./state_file.ts";
import type { FaultState } from "./fault_state.ts";
import type { SpoolFileSystem } from "./spool_file_system.ts";

/** Acknowledgements of this time go into one write, ms. What a crash forgets of them is sent again. */
const delayMs = 100;

/** The last acknowledged sequence, kept in a file. */
export class Cursor {
  #sequence: bigint;
  #written: bigint;
  #cancel: (() => void) | undefined;

  /** Begins where the file is: at `sequence`. */
  constructor(
    private readonly fileSystem: SpoolFileSystem,
    private readonly clock: Clock,
    private readonly fault: FaultState,
    private readonly id: string,
    sequence: bigint,
  ) {
    this.#sequence = this.#written = sequence;
  }

  /** The last acknowledged sequence. */
  get sequence(): bigint {
    return this.#sequence;
  }

  /** Moves on; the file follows soon. */
  advance(sequence: bigint): void {
    this.#sequence = sequence;
    this.#cancel ??= this.clock.after(delayMs, () => {
      this.#cancel = undefined;
      this.write();
    });
  }

  /** Writes the file now, if it is behind. */
  write(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#written === this.#sequence) return;
    const sequence = this.#sequence;
    try {
      // Not forced to disk: an older cursor only makes for batches that are sent again.
      this.fileSystem.replace(stateFiles.cursor, encodeState("cursor", { id: this.id, sequence }), false);
      this.#written = sequence;
    } catch (error) {
      this.fault.failed("what was acknowledged could not be written down", error);
      this.advance(sequence);
    }
  }

  /** Writes the file, and leaves it at that. */
  close(): void {
    this.write();
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
