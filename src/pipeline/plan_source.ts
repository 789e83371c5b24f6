import { matchesNothing } from "../capture/bpf.ts";
import { FileSource } from "../capture/file_source.ts";
import { LiveSource } from "../capture/live_source.ts";
import type { Source } from "../capture/source.ts";
import type { FilePlan, InterfacePlan } from "./capture_plan.ts";

/** The source for an input, not opened yet. An interface gives nothing before it is told what to capture. */
export function openSource(input: FilePlan | InterfacePlan): Source {
  return input.kind === "file"
    ? new FileSource(input.path)
    : new LiveSource(input.name, input, matchesNothing, input.fanoutGroup);
}
