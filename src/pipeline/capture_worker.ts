import { noTraffic } from "../engine/traffic.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { isGranted } from "../runtime/permissions.ts";
import type { CaptureFilters } from "./capture_filters.ts";
import { type CapturePlan, inGroups } from "./capture_plan.ts";
import type { CaptureListener, Deliver, SharingCaptureThread } from "./capture_thread.ts";
import { type CaptureEnd, noProgress, type Progress, sumOf } from "./progress.ts";
import { workerBundle } from "./worker_bundle.ts";
import { type FromWorker, SIGNALLING_BYTES, type ToWorker } from "./worker_protocol.ts";

/** Times in a row that a live capture is started again after its thread broke down. */
const RESTART_LIMIT = 5;
/** A thread that ran this long has not broken down in a row with the one before it, ms. */
const STABLE_MS = 60_000;

/** No worker can be started here. */
export class WorkerUnavailable extends Error {
  /** Tells it from other errors. */
  override readonly name = "WorkerUnavailable";
}

/** A capture thread of its own, with no more permissions than it needs. */
export class CaptureWorker implements SharingCaptureThread {
  readonly #module: WebAssembly.Module;
  readonly #deliver: Deliver;
  readonly #listener: CaptureListener;
  readonly #stopTimeoutMs: number;
  readonly #number: number | undefined;
  readonly #result = Promise.withResolvers<CaptureEnd>();
  #plan: CapturePlan;
  #worker: Worker | undefined;
  #failures = 0;
  #startedMs = 0;
  #latest: Progress = noProgress;
  /** Figures of the threads that broke down. */
  #before: Progress | undefined;
  #stopped = false;
  #cannotReopen: string | undefined;
  #delivery: Promise<void> = Promise.resolve();
  /** Chunks that the sinks have not taken yet. */
  #undelivered = 0;
  /** Packets that came in chunks. */
  #handedOver = 0;
  #stopTimer: ReturnType<typeof setTimeout> | undefined;
  #fanoutGroups: readonly (number | undefined)[] = [];
  /** Bytes of signalling that this thread has not taken yet. */
  #unheard = 0;
  #signallingDropped = 0;

  /**
   * Starts no thread yet; `module` is the compiled engine, `deliver` takes one chunk at a time. A thread that has not
   * ended `stopTimeoutMs` after {@link stop}, although no sink keeps it waiting, is terminated. `number` tells it from
   * others that capture beside it, from 1.
   */
  constructor(
    module: WebAssembly.Module,
    plan: CapturePlan,
    deliver: Deliver,
    listener: CaptureListener,
    stopTimeoutMs: number,
    number?: number,
  ) {
    this.#number = number;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#module = module;
    this.#plan = plan;
    this.#deliver = deliver;
    this.#listener = listener;
  }

  /** Throws WorkerUnavailable where no thread can be started. */
  run(): Promise<CaptureEnd> {
    try {
      this.#start();
    } catch (error) {
      throw new WorkerUnavailable(messageOf(error));
    }
    return this.#result.promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#post({ kind: "stop" });
    if (this.#worker !== undefined) this.#stopTimer ??= this.#terminateLater();
  }

  cannotReopen(reason: string): void {
    this.#cannotReopen = reason;
  }

  setFilters(filters: CaptureFilters): void {
    this.#plan = { ...this.#plan, filters };
    this.#post({ kind: "filters", filters });
  }

  get fanoutGroups(): readonly (number | undefined)[] {
    return this.#fanoutGroups;
  }

  hear(signalling: Uint8Array<ArrayBuffer>): void {
    // Who has ended need not know.
    if (this.#worker === undefined) return;
    if (this.#unheard + signalling.length > SIGNALLING_BYTES) {
      if (this.#signallingDropped === 0) {
        this.#listener.notice(
          `${this.#name} does not keep up with the signalling that the others see: media of calls may be missed`,
        );
      }
      this.#signallingDropped += signalling.length;
      return;
    }
    this.#unheard += signalling.length;
    this.#post({ kind: "signalling", bytes: signalling });
  }

  /** For messages. */
  get #name(): string {
    return this.#number === undefined ? "the capture thread" : `capture thread ${this.#number}`;
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #start(): void {
    const url = URL.createObjectURL(new Blob([workerBundle], { type: "text/javascript" }));
    const worker = new Worker(url, {
      type: "module",
      name: this.#number === undefined ? "capture" : `capture ${this.#number}`,
      deno: { permissions: this.#permissions() },
    });
    URL.revokeObjectURL(url);
    // What an earlier thread still sends is taken, but it says nothing any more about this one.
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(worker, data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#breakDown(event.message);
    };
    this.#worker = worker;
    this.#unheard = 0;
    this.#startedMs = performance.now();
    this.#post({ kind: "start", module: this.#module, plan: this.#plan });
  }

  /** Only what the plan names; a worker cannot be given more than this thread has. */
  #permissions(): Deno.PermissionOptionsObject {
    const paths = this.#plan.inputs.flatMap((input) =>
      input.kind === "file" && input.path !== "-" ? [input.path] : []
    );
    const readable = paths.filter((path) => isGranted({ name: "read", path })).flatMap(withTarget);
    return {
      ffi: isGranted({ name: "ffi" }) ? "inherit" : false,
      read: readable.length > 0 ? readable : false,
      env: false,
      net: false,
      run: false,
      sys: false,
      write: false,
      import: false,
    };
  }

  #receive(worker: Worker, message: FromWorker): void {
    switch (message.kind) {
      case "chunk":
        // Sinks get the chunks in order; the credit goes back when all of them took this one.
        this.#undelivered += 1;
        this.#handedOver += message.chunk.packets;
        this.#delivery = this.#delivery.then(() => this.#deliver(message.chunk)).then((buffers) => {
          this.#undelivered -= 1;
          if (worker === this.#worker) this.#post({ kind: "credit", buffers }, buffers);
        });
        break;
      case "opened":
        if (worker === this.#worker) this.#opened(message.fanoutGroups);
        break;
      case "progress":
        this.#listener.progress(this.#total(message.progress));
        break;
      case "notice":
        this.#listener.notice(message.line);
        break;
      case "input-failed":
        this.#listener.failed(message.line);
        break;
      case "filters-set": {
        const standIns = message.report.refused.flatMap(({ standIn }) => standIn ?? []);
        this.#plan = { ...this.#plan, standIns };
        this.#listener.filtersSet(message.report);
        break;
      }
      case "signalling":
        this.#listener.signalling?.(message.bytes);
        break;
      case "heard":
        if (worker === this.#worker) this.#unheard -= message.bytes;
        break;
      case "end":
        this.#finish(() =>
          this.#result.resolve({ ...message.end, progress: this.#total(message.end.progress) })
        );
        break;
      case "failed": {
        const { message: text, exitCode } = message;
        if (exitCode === undefined) this.#breakDown(text);
        else this.#finish(() => this.#result.reject(new OperatorError(text, exitCode)));
      }
    }
  }

  /** A thread that takes the place of this one is to be in the same groups. */
  #opened(fanoutGroups: readonly (number | undefined)[]): void {
    this.#fanoutGroups = fanoutGroups;
    this.#plan = inGroups(this.#plan, fanoutGroups);
    this.#listener.opened();
  }

  /** The figures of this thread with those of the ones before it. */
  #total(progress: Progress): Progress {
    const total = this.#before === undefined ? progress : sumOf(this.#before, progress);
    this.#latest = { ...total, signallingDropped: this.#signallingDropped };
    return this.#latest;
  }

  /** A live capture goes on in a new thread, with the same filters; a file cannot be resumed. */
  #breakDown(message: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const live = this.#plan.inputs.some((input) => input.kind === "interface");
    if (performance.now() - this.#startedMs > STABLE_MS) this.#failures = 0;
    if (live && !this.#stopped && this.#cannotReopen !== undefined) {
      const line = `${this.#name} broke down and cannot be started again, ${this.#cannotReopen}: ${message}`;
      this.#finish(() => this.#result.reject(new OperatorError(line)));
      return;
    }
    if (!live || this.#stopped || this.#failures >= RESTART_LIMIT) {
      this.#finish(() => this.#result.reject(new Error(`${this.#name} broke down: ${message}`)));
      return;
    }
    this.#failures++;
    this.#before = { ...this.#latest, restarts: this.#latest.restarts + 1 };
    const unknown = this.#plan.engine.sharesCalls ? ", and it knows nothing of the calls under way" : "";
    this.#listener.notice(
      `${this.#name} broke down and is started again; what it held is lost${unknown}: ${message}`,
    );
    this.#start();
  }

  #terminateLater(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      // It may wait for the sinks, which have deadlines of their own.
      if (this.#undelivered > 0) this.#stopTimer = this.#terminateLater();
      else this.#terminate();
    }, this.#stopTimeoutMs);
  }

  /** Ends the run without the thread, which is stuck. */
  #terminate(): void {
    this.#worker?.terminate();
    const progress = this.#latest;
    const { packets = 0, kept = 0 } = progress.engine;
    const lost = kept - this.#handedOver - progress.droppedBySinks;
    const known = this.#plan.engine.outputs.length > 0
      ? `, of the ${packets} packets read by its last report ${Math.max(lost, 0)} that were kept`
      : "";
    this.#listener.failed(
      `${this.#name} has not ended ${this.#stopTimeoutMs} ms after it was told to stop, and is terminated: ` +
        `what it held is lost${known}, and what came after that report`,
    );
    this.#finish(() =>
      this.#result.resolve({ progress, traffic: progress.traffic ?? noTraffic, failures: 1 })
    );
  }

  #finish(settle: () => void): void {
    clearTimeout(this.#stopTimer);
    this.#worker = undefined;
    this.#delivery.then(settle);
  }
}

/** A path, and what it leads to through symbolic links: Deno wants both granted. */
function withTarget(path: string): string[] {
  try {
    return [path, Deno.realPathSync(path)];
  } catch {
    // The thread that opens it says what is wrong.
    return [path];
  }
}
