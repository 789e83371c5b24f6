import type { KernelExpression } from "../capture/bpf.ts";
import type { EngineOptions, FilterSettings } from "../engine/engine.ts";

/** A capture file, or `-` for standard input. */
export interface FilePlan {
  readonly kind: "file";
  readonly path: string;
}

/** A live interface. */
export interface InterfacePlan {
  readonly kind: "interface";
  readonly name: string;
  readonly promiscuous: boolean;
  /** Packets are cut to this many bytes. */
  readonly snapLength: number;
  /** Kernel buffer, bytes. */
  readonly bufferSize: number;
  /** Longest time that the kernel holds packets back, ms. */
  readonly timeoutMs: number;
}

/** What one capture thread is to do. Plain data: it is posted to the worker. */
export interface CapturePlan {
  /** Files are read one after the other; interfaces are captured together. Not mixed. */
  readonly inputs: readonly (FilePlan | InterfacePlan)[];
  /** For the kernel, or for the records of files; empty text for none. */
  readonly bpf: KernelExpression;
  readonly engine: EngineOptions;
  readonly filters: FilterSettings;
}
