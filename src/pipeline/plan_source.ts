import type { KernelExpression } from "../capture/bpf.ts";
import { compileForFiles } from "../capture/bpf_program.ts";
import { FileSource } from "../capture/file_source.ts";
import { LiveSource } from "../capture/live_source.ts";
import type { Source } from "../capture/source.ts";
import type { FilePlan, InterfacePlan } from "./capture_plan.ts";

/** Largest snapshot length of libpcap, bytes; programs for files accept whole packets. */
const MAXIMUM_SNAPLEN = 262_144;

/** The source for an input, not opened yet. `bpf` is the kernel filter of an interface. */
export function openSource(input: FilePlan | InterfacePlan, bpf: KernelExpression): Source {
  return input.kind === "file" ? new FileSource(input.path) : new LiveSource(input.name, input, bpf);
}

/** The programs that apply a BPF expression to the records of files. Throws OperatorError. */
export function programsFor(bpf: KernelExpression): ReadonlyMap<number, Uint8Array> {
  return bpf.text === "" ? new Map() : compileForFiles(bpf.text, MAXIMUM_SNAPLEN);
}
