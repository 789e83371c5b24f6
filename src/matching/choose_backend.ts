import { OperatorError } from "../runtime/operator_error.ts";
import { CpuSimdBackend } from "./cpu_simd_backend.ts";
import type { PatternBackend } from "./pattern_backend.ts";
import { WebGpuBackend } from "./webgpu_backend.ts";

/** `--gpu-backend`: `auto` is a graphics processor where there is one, else the engine. */
export type BackendChoice = "auto" | PatternBackend["name"];

/** Where a backend's lines for the operator go. */
export interface BackendLog {
  /** What is as it should be. */
  info(line: string): void;
  /** What is not. */
  warn(line: string): void;
}

/**
 * Opens the backend that `choice` stands for. Nothing of WebGPU is touched for `cpu-simd`.
 *
 * Throws OperatorError when `webgpu` was asked for and is not there.
 * @param batchSize payloads per launch of the device
 * @param gpu as for {@link WebGpuBackend.open}
 */
export async function chooseBackend(
  choice: BackendChoice,
  batchSize: number,
  log: BackendLog,
  gpu?: Pick<GPU, "requestAdapter">,
): Promise<PatternBackend> {
  if (choice === "cpu-simd") return new CpuSimdBackend();
  // Who asks for it by name gets it even where it is a program on the CPU; by itself it would never pay.
  const options = { batchSize, software: choice === "webgpu", notice: (line: string) => log.warn(line) };
  try {
    const backend = await WebGpuBackend.open(options, ...gpu === undefined ? [] : [gpu]);
    log.info(`--gpu-backend ${choice}: patterns are searched for on ${backend.device}`);
    return backend;
  } catch (error) {
    if (choice === "webgpu" || !(error instanceof OperatorError)) throw error;
    const reason = error.message.replace(/^--gpu-backend webgpu: /, "");
    log.info(`--gpu-backend auto: patterns are searched for by the engine (${reason})`);
    return new CpuSimdBackend();
  }
}
