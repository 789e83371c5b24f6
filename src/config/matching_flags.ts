import type { AnyFlag } from "./flag.ts";
import { choice, integer, mapped, orEmpty, paths, text } from "./value_kind.ts";

/** lippycat's words; those of the first two lines mean a graphics processor, of whatever maker. */
const backends = {
  auto: "auto",
  cuda: "auto",
  opencl: "auto",
  webgpu: "webgpu",
  "cpu-simd": "cpu-simd",
  disabled: "cpu-simd",
} as const;

const backendKeys = (name: string) => ({
  hunt: [`hunter.voip_filter.${name}`],
  sniff: [`voip.${name}`],
  tap: [`tap.voip_filter.${name}`],
  "filters check": [],
});

/** Flags about how patterns are searched for. */
export const matchingFlags: readonly AnyFlag[] = [
  {
    setting: "trialFiles",
    long: "read-file",
    short: "r",
    group: "Filters",
    kind: paths(),
    placeholder: "file",
    default: [],
    defaultText: "none",
    keys: { "filters check": [] },
    help: "capture file to try the filters on; `-` is standard input",
    details: "pcap and pcapng, also compressed with gzip. Repeat it to try several files.",
  },
  {
    setting: "gpuBackend",
    long: "gpu-backend",
    short: "g",
    group: "Filters",
    kind: mapped(
      choice("auto", "webgpu", "cpu-simd", "cuda", "opencl", "disabled"),
      (word) => backends[word],
    ),
    placeholder: "backend",
    default: "cpu-simd",
    keys: backendKeys("gpu_backend"),
    help: "what filters check searches packets with: cpu-simd, webgpu, or auto",
    details:
      "auto is a graphics processor where there is one, else the engine's SIMD search (cpu-simd). A capture is " +
      "always searched by the engine. cuda and opencl are other words for auto, disabled for cpu-simd.",
  },
  {
    setting: "gpuBatchSize",
    long: "gpu-batch-size",
    group: "Filters",
    kind: integer(1, 1_048_576, 4_096),
    placeholder: "packets",
    default: 4_096,
    keys: backendKeys("gpu_batch_size"),
    help: "packets that go to a graphics processor at once, at most",
    details: "Small batches cost more than they bring: each one waits for the device.",
  },
  {
    setting: "hunter",
    long: "hunter",
    group: "Filters",
    kind: orEmpty(text("an identifier of 1 to 255 printable characters", 255), undefined),
    placeholder: "id",
    default: undefined,
    defaultText: "all hunters",
    keys: { "filters check": [] },
    help: "look only at filters that this hunter gets",
    details: "Those that name it, and those that name none.",
  },
];
