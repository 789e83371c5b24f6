/**
 * Why packets are lost, under the names that the summary, the metrics and the heartbeat's sum have in common. What is
 * not in these tables cannot be told.
 *
 * @module
 */
import { type DropReason as DeliveryDropReason, dropReasons } from "../delivery/outbox_figures.ts";
import { noProgress, type Progress } from "../pipeline/progress.ts";
import type { CallCounter, SummaryCounter } from "./summary_counters.ts";

/** How each reason before the sinks is counted; on the way to a processor, the outbox has its own reasons. */
const captureReasons = {
  /** No room in the kernel's capture buffer. */
  kernel: ({ kernel }) => kernel?.dropped ?? 0,
  /** Dropped by the interface or its driver. */
  interface: ({ kernel }) => kernel?.interfaceDropped ?? 0,
  /** A sink was not ready for too long. */
  sinks: ({ droppedBySinks }) => droppedBySinks,
  /** Cut off by the end of a capture file. */
  truncated_records: (progress) => engineCount(progress, "truncated_records"),
  /** Records with impossible lengths. */
  bad_records: (progress) => engineCount(progress, "bad_records"),
  /** pcapng blocks with impossible lengths. */
  bad_blocks: (progress) => engineCount(progress, "bad_blocks"),
  /** Of interfaces that the pcapng file does not describe. */
  unknown_interfaces: (progress) => engineCount(progress, "unknown_interfaces"),
  /** Of a link type that `--filter` cannot be compiled for. */
  no_bpf_program: (progress) => engineCount(progress, "rejected_without_bpf_program"),
  /** Of a link type that the wire contract cannot carry. */
  unsendable_link_types: (progress) => engineCount(progress, "unsendable_link_types"),
  /** Of calls that no filter has decided on yet, and that found no room in the call buffer. */
  call_buffer_full: ({ engine }) => engine.call_buffer_full ?? 0,
  /** Of another link type than the capture file's; lost there alone. */
  unwritable_link_types: (progress) => engineCount(progress, "unwritable_link_types"),
} as const satisfies Record<string, (progress: Progress) => number>;

/** A reason before the sinks, or in the capture file. */
export type CaptureDropReason = keyof typeof captureReasons;

/** Any reason. */
export type DropReason = CaptureDropReason | DeliveryDropReason;

/** Packets that are lost in a local file, and still reach the processor. */
const onlyInFile: CaptureDropReason = "unwritable_link_types";

/** Reasons before the sinks, in the order in which they are told. */
export const captureDropReasons = Object.keys(captureReasons) as readonly CaptureDropReason[];

/** All reasons, in the order in which they are told. */
export const allDropReasons: readonly DropReason[] = [...captureDropReasons, ...dropReasons];

/** Packets lost before the sinks so far, by reason. Throws where the engine has no counter of a name that is read. */
export function captureDrops(progress: Progress = noProgress): Record<CaptureDropReason, number> {
  return Object.fromEntries(
    captureDropReasons.map((reason) => [reason, captureReasons[reason](progress)]),
  ) as Record<CaptureDropReason, number>;
}

/** Packets lost before the sinks that will not reach a processor: the capture's part of what a heartbeat calls dropped. */
export function lostBeforeSinks(progress: Progress | undefined): number {
  const drops = captureDrops(progress);
  return captureDropReasons.reduce((sum, reason) => sum + (reason === onlyInFile ? 0 : drops[reason]), 0);
}

/** One of the engine's counters; 0 before it counted anything. Throws where it has no counter of this name. */
export function engineCount({ engine }: Progress, name: SummaryCounter | CallCounter): number {
  const value = engine[name];
  if (value !== undefined) return value;
  if (Object.keys(engine).length === 0) return 0;
  throw new Error(`the engine has no counter ${name}`);
}
