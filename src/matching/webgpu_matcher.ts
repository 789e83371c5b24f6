import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { type Automaton, walkPayload } from "./automaton.ts";
import { automatonShader, bindings, overflow, wordsPerAnswer, workgroupSize } from "./automaton_shader.ts";
import { MatchCollector, type Matches, type PatternMatcher, type PayloadBatch } from "./pattern_backend.ts";
import { type Chunks, cutPayloads, startOf, wordsPerChunk } from "./payload_chunks.ts";

/** Shortest piece that a payload is cut into, bytes. */
const CHUNK_BYTES = 1_024;
/** Launches under way at once: while one runs, the next is put together. */
const LAUNCHES = 2;
const errorKinds = ["out-of-memory", "validation", "internal"] as const;
/** Bytes of the uniform buffer. */
const LIMITS_BYTES = 16;

/** How a {@link WebGpuMatcher} works. */
export interface LaunchOptions {
  /** Payloads per launch, at most. */
  readonly batchSize: number;
  /** Bytes of payloads per launch, at most; no buffer gets larger. A longer payload is the CPU's. */
  readonly launchBytes: number;
  /** Takes a line for the operator. */
  readonly notice: (line: string) => void;
}

/** Payloads that go to the device together, and what it says about them. */
interface Launch {
  /** The first payload. */
  readonly from: number;
  /** The one behind the last. */
  readonly to: number;
  readonly chunks: Chunks;
  /** By chunk; undefined when the CPU is to do it. */
  readonly answers: Promise<Uint32Array | undefined>;
}

/** Walks an automaton on a device. What the device cannot do, or does no longer, the CPU does. */
export class WebGpuMatcher implements PatternMatcher {
  readonly #device: GPUDevice;
  readonly #automaton: Automaton;
  readonly #options: LaunchOptions;
  readonly #pipeline: GPUComputePipeline;
  readonly #fixed: readonly GPUBindGroupEntry[];
  readonly #slots: readonly LaunchBuffers[];
  readonly #chunkBytes: number;
  #lost = false;
  #closed = false;

  private constructor(
    device: GPUDevice,
    automaton: Automaton,
    options: LaunchOptions,
    pipeline: GPUComputePipeline,
  ) {
    this.#device = device;
    this.#automaton = automaton;
    this.#options = options;
    this.#pipeline = pipeline;
    // Most of what a chunk costs should be its own bytes.
    this.#chunkBytes = Math.max(CHUNK_BYTES, 4 * automaton.longest);
    const { classes, transitions, stateOutputs, outputs, shapes } = automaton;
    this.#fixed = Object.entries({ classes, transitions, stateOutputs, outputs, shapes }).map((
      [name, words],
    ) => ({
      binding: bindings[name as keyof typeof bindings],
      resource: { buffer: this.#upload(words) },
    }));
    this.#slots = Array.from({ length: LAUNCHES }, () => new LaunchBuffers(device));
    void device.lost.then(({ message }) => this.#loseDevice(message));
  }

  /** Brings the automaton to the device. Throws OperatorError when it has no room for it. */
  static async create(
    device: GPUDevice,
    automaton: Automaton,
    options: LaunchOptions,
  ): Promise<WebGpuMatcher> {
    for (const kind of errorKinds) device.pushErrorScope(kind);
    const module = device.createShaderModule({ code: automatonShader });
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
    const matcher = new WebGpuMatcher(device, automaton, options, pipeline);
    const errors = await Promise.all(errorKinds.map(() => device.popErrorScope()));
    const error = errors.find((one) => one !== null);
    if (error) {
      matcher.close();
      throw new OperatorError(`the device refuses the automaton: ${error.message.split("\n")[0]}`);
    }
    return matcher;
  }

  async match(batch: PayloadBatch): Promise<Matches> {
    const found = new MatchCollector(batch.ends.length, this.#automaton.patternCount);
    const underWay: Launch[] = [];
    for (let from = 0, slot = 0; from < batch.ends.length; slot = (slot + 1) % LAUNCHES) {
      if (underWay.length === LAUNCHES) await this.#collect(batch, underWay.shift()!, found);
      const launch = this.#launch(batch, from, this.#slots[slot]!);
      underWay.push(launch);
      from = launch.to;
    }
    for (const launch of underWay) await this.#collect(batch, launch, found);
    return found.matches();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const slot of this.#slots) slot.destroy();
    for (const { resource } of this.#fixed) ((resource as GPUBufferBinding).buffer as GPUBuffer).destroy();
  }

  #launch(batch: PayloadBatch, from: number, buffers: LaunchBuffers): Launch {
    const { ends } = batch;
    const { batchSize, launchBytes } = this.#options;
    const start = startOf(ends, from);
    let to = from;
    while (to < ends.length && to - from < batchSize && ends[to]! - start <= launchBytes) to++;
    const chunks = to > from
      ? cutPayloads(batch, from, to, this.#chunkBytes)
      : cutPayloads(batch, from, from, 1);
    const useless = this.#lost || this.#automaton.patternCount === 0 || chunks.words.length === 0;
    if (to === from || useless) {
      return { from, to: Math.max(to, from + 1), chunks, answers: Promise.resolve(undefined) };
    }
    const answers = this.#run(batch.bytes.subarray(start, ends[to - 1]), chunks.words, buffers).catch(
      (error) => {
        this.#loseDevice(messageOf(error));
        return undefined;
      },
    );
    return { from, to, chunks, answers };
  }

  async #run(bytes: Uint8Array, chunks: Uint32Array, buffers: LaunchBuffers): Promise<Uint32Array> {
    const device = this.#device;
    const count = chunks.length / wordsPerChunk;
    const answerBytes = count * wordsPerAnswer * 4;
    // What fails on the device fails quietly, and leaves the answers of an earlier launch.
    for (const kind of errorKinds) device.pushErrorScope(kind);
    buffers.makeRoom(bytes.length, chunks.byteLength, answerBytes);
    const { longest, classCount } = this.#automaton;
    buffers.write("limits", Uint32Array.of(count, longest, classCount, 0));
    buffers.write("bytes", padded(bytes));
    buffers.write("chunks", chunks);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: this.#pipeline.getBindGroupLayout(0),
        entries: [...this.#fixed, ...buffers.entries()],
      }),
    );
    pass.dispatchWorkgroups(Math.ceil(count / workgroupSize));
    pass.end();
    const answers = buffers.read(encoder, answerBytes);
    const errors = errorKinds.map(() => device.popErrorScope());
    const [words, ...failures] = await Promise.all([answers, ...errors]);
    const failure = failures.find((error) => error !== null);
    if (failure) throw new Error(failure.message);
    return words;
  }

  async #collect(
    batch: PayloadBatch,
    { from, to, chunks, answers }: Launch,
    found: MatchCollector,
  ): Promise<void> {
    const words = await answers;
    for (let payload = from; payload < to; payload++) {
      const [first = 0, end = 0] = [chunks.firsts[payload - from], chunks.firsts[payload - from + 1]];
      if (words === undefined || overflows(words, first, end)) {
        walkPayload(this.#automaton, batch.bytes, startOf(batch.ends, payload), batch.ends[payload]!, found);
      } else {
        for (let chunk = first; chunk < end; chunk++) {
          const at = chunk * wordsPerAnswer;
          for (let pattern = 1; pattern <= words[at]!; pattern++) found.add(words[at + pattern]!);
        }
      }
      found.next();
    }
  }

  #upload(words: Uint8Array | Uint32Array): GPUBuffer {
    const size = Math.max(words.byteLength, 8);
    const buffer = this.#device.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    if (words.byteLength > 0) this.#device.queue.writeBuffer(buffer, 0, words as Uint8Array<ArrayBuffer>);
    return buffer;
  }

  #loseDevice(reason: string): void {
    if (this.#lost || this.#closed) return;
    this.#lost = true;
    this.#options.notice(`--gpu-backend webgpu: the device is lost (${reason}); the CPU goes on from here`);
  }
}

function overflows(words: Uint32Array, first: number, end: number): boolean {
  for (let chunk = first; chunk < end; chunk++) if (words[chunk * wordsPerAnswer] === overflow) return true;
  return false;
}

/** The device takes whole words. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const words = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  words.set(bytes);
  return words;
}

type LaunchBuffer = "limits" | "bytes" | "chunks" | "answers" | "readable";

const usages: Readonly<Record<LaunchBuffer, () => GPUBufferUsageFlags>> = {
  limits: () => GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  bytes: () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  chunks: () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  answers: () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  readable: () => GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
};

/** The buffers of one launch; they grow to the largest launch so far, and are used again. */
class LaunchBuffers {
  readonly #device: GPUDevice;
  readonly #buffers = new Map<LaunchBuffer, GPUBuffer>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  makeRoom(bytes: number, chunkBytes: number, answerBytes: number): void {
    const sizes = {
      limits: LIMITS_BYTES,
      bytes,
      chunks: chunkBytes,
      answers: answerBytes,
      readable: answerBytes,
    };
    for (const [name, size] of Object.entries(sizes) as [LaunchBuffer, number][]) {
      const held = this.#buffers.get(name);
      if (held !== undefined && held.size >= size) continue;
      held?.destroy();
      const most = Math.min(
        this.#device.limits.maxBufferSize,
        this.#device.limits.maxStorageBufferBindingSize,
      );
      // Powers of two, so that a few launches are enough to settle.
      const room = Math.max(size, Math.min(2 ** Math.ceil(Math.log2(Math.max(size, LIMITS_BYTES))), most));
      this.#buffers.set(
        name,
        this.#device.createBuffer({ size: Math.ceil(room / 4) * 4, usage: usages[name]() }),
      );
    }
  }

  write(name: LaunchBuffer, content: Uint8Array | Uint32Array): void {
    this.#device.queue.writeBuffer(this.#named(name), 0, content as Uint8Array<ArrayBuffer>);
  }

  entries(): GPUBindGroupEntry[] {
    return (["limits", "bytes", "chunks", "answers"] as const).map((name) => ({
      binding: bindings[name],
      resource: { buffer: this.#named(name) },
    }));
  }

  /** Runs what was encoded, and gives the first bytes of the answers. */
  async read(encoder: GPUCommandEncoder, answerBytes: number): Promise<Uint32Array> {
    const readable = this.#named("readable");
    encoder.copyBufferToBuffer(this.#named("answers"), 0, readable, 0, answerBytes);
    this.#device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ, 0, answerBytes);
    const answers = new Uint32Array(readable.getMappedRange(0, answerBytes).slice(0));
    readable.unmap();
    return answers;
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }

  #named(name: LaunchBuffer): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) throw new Error(`no room was made for ${name}`);
    return buffer;
  }
}
