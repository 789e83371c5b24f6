import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { buildAutomaton } from "./automaton.ts";
import type { Pattern, PatternBackend, PatternMatcher } from "./pattern_backend.ts";
import { WebGpuMatcher } from "./webgpu_matcher.ts";

/** Room for the automaton of one set, bytes, where the adapter has more. */
const MAX_AUTOMATON_BYTES = 256 << 20;

/** Payloads per launch, bytes, at most. */
const LAUNCH_BYTES = 16 << 20;

/** How a {@link WebGpuBackend} works. */
export interface WebGpuOptions {
  /** Payloads per launch, at most. */
  readonly batchSize: number;
  /** Also take an adapter that is a program on the CPU. */
  readonly software: boolean;
  /** Takes a line for the operator: the device is gone, and the CPU does its work. */
  readonly notice: (line: string) => void;
}

/** Compute shaders through WebGPU. Deno asks for no permission for it. */
export class WebGpuBackend implements PatternBackend {
  readonly name = "webgpu";
  readonly device: string;
  readonly #device: GPUDevice;
  readonly #options: WebGpuOptions;

  private constructor(adapter: GPUAdapter, device: GPUDevice, options: WebGpuOptions) {
    this.device = nameOf(adapter);
    this.#device = device;
    this.#options = options;
  }

  /**
   * Asks for an adapter and its device. Throws OperatorError that says what is missing.
   * @param gpu the browser's and Deno's interface to adapters; undefined where there is none
   */
  static async open(
    options: WebGpuOptions,
    gpu: Pick<GPU, "requestAdapter"> | undefined = navigator.gpu,
  ): Promise<WebGpuBackend> {
    if (gpu === undefined) throw missing("this runtime has no WebGPU (navigator.gpu)");
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch((error) => {
      throw missing(messageOf(error));
    });
    if (adapter === null) {
      throw missing(
        "no adapter was found: it takes a graphics processor with a Vulkan, Metal or Direct3D 12 driver " +
          "(Debian, Ubuntu: apt-get install mesa-vulkan-drivers, or the vendor's)",
      );
    }
    if (adapter.info.isFallbackAdapter && !options.software) {
      throw missing(`${nameOf(adapter)} is the only adapter, and it runs on the CPU`);
    }
    const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
    // What is not asked for is what every adapter has: 128 MiB.
    const requiredLimits = { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage: 8 };
    const device = await adapter.requestDevice({ requiredLimits }).catch((error) => {
      throw missing(`${nameOf(adapter)} gives no device: ${messageOf(error)}`);
    });
    return new WebGpuBackend(adapter, device, options);
  }

  async compile(patterns: readonly Pattern[]): Promise<PatternMatcher> {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    const largest = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const automaton = buildAutomaton(patterns, Math.min(largest, MAX_AUTOMATON_BYTES));
    const { batchSize, notice } = this.#options;
    return await WebGpuMatcher.create(this.#device, automaton, {
      // The answers are the largest buffer: 32 bytes per payload, and per chunk of a long one.
      batchSize: Math.min(batchSize, largest >> 7),
      launchBytes: Math.min(LAUNCH_BYTES, largest) & ~3,
      notice,
    });
  }

  close(): void {
    this.#device.destroy();
  }
}

function missing(what: string): OperatorError {
  return new OperatorError(`--gpu-backend webgpu: ${what}`);
}

function nameOf({ info }: GPUAdapter): string {
  return info.description || info.device || info.vendor || "unnamed adapter";
}
