import { buffersToReuse, type Chunk } from "../engine/chunk.ts";
import { Engine } from "../engine/engine.ts";
import { engineModule } from "../engine/module.js";
import type { CaptureFilters, FilterReport } from "./capture_filters.ts";
import { OperatorError } from "../runtime/operator_error.ts";
import { type Sink, writeToAll } from "./sink.ts";
import { type CaptureHost, CaptureLoop } from "./capture_loop.ts";
import type { CapturePlan } from "./capture_plan.ts";
import { CaptureGroup } from "./capture_group.ts";
import type { CaptureListener, CaptureThread, Deliver } from "./capture_thread.ts";
import { CaptureWorker, WorkerUnavailable } from "./capture_worker.ts";
import type { CaptureEnd, Progress } from "./progress.ts";

/** Source to engine to sinks: the one pipe that every command runs. */
export class Pipeline {
  readonly #sinks: readonly Sink[];
  readonly #listener: CaptureListener;
  #plan: CapturePlan;
  #thread: CaptureThread;
  #end: CaptureEnd | undefined;
  #progress: Progress | undefined;
  #progressAt: number | undefined;
  #filterReport: FilterReport | undefined;
  /** The filters that the thread was told last, until it says what became of them. */
  #told: CaptureFilters | undefined;
  /** The first failure of a sink; it ends the run. */
  #sinkFailure: unknown;
  /** Kept packets of the chunk that a sink failed to write, and of those after it. */
  #unwritten = 0;

  /**
   * Starts nothing yet; `singleThread` keeps capture and engine in this thread. A thread of its own that has not ended
   * `stopTimeoutMs` after {@link stop} is terminated, and the run ends with a failure. More than one of `workers` share
   * the interfaces of a live capture (Linux).
   */
  constructor(
    plan: CapturePlan,
    sinks: readonly Sink[],
    listener: CaptureListener,
    singleThread: boolean,
    stopTimeoutMs: number,
    workers = 1,
  ) {
    this.#sinks = sinks;
    this.#listener = listener;
    this.#plan = plan;
    // A thread of its own takes as long to start as a million packets, and is of use where there is something to write
    // beside it, or where packets do not wait.
    const onlyCounts = plan.engine.outputs.length === 0 && plan.inputs.every(({ kind }) => kind === "file");
    const deliver: Deliver = (chunk) => this.#deliver(chunk);
    const own = this.#listening();
    if (singleThread || onlyCounts) this.#thread = new InlineCapture(plan, deliver, own);
    else if (workers > 1) {
      this.#thread = new CaptureGroup(
        workers,
        plan,
        deliver,
        own,
        (plan, deliver, listener, number) =>
          new CaptureWorker(engineModule, plan, deliver, listener, stopTimeoutMs, number),
      );
    } else this.#thread = new CaptureWorker(engineModule, plan, deliver, own, stopTimeoutMs);
  }

  /** How capture ended, also when a sink's failure has ended it; undefined before that. */
  get end(): CaptureEnd | undefined {
    return this.#end;
  }

  /** The last counters reported; undefined before the first ones. */
  get progress(): Progress | undefined {
    return this.#progress && this.#withUnwritten(this.#progress);
  }

  /** Time since these were reported, ms; undefined before the first ones, and after the end. */
  get silentMs(): number | undefined {
    return this.#progressAt === undefined ? undefined : performance.now() - this.#progressAt;
  }

  /** What became of the filters told last; undefined before capture has begun. */
  get filterReport(): FilterReport | undefined {
    return this.#filterReport;
  }

  /**
   * Runs until the files are read, or until {@link stop}; then closes the sinks. Rejects with the failure of a
   * sink, or when nothing could be captured at all.
   */
  async run(): Promise<CaptureEnd> {
    try {
      const { progress, ...rest } = await this.#runThread();
      this.#progress = progress;
      const end = this.#end = { ...rest, progress: this.#withUnwritten(progress) };
      this.#progressAt = undefined;
      if (this.#sinkFailure !== undefined) throw this.#sinkFailure;
      return end;
    } finally {
      await this.#closeSinks();
    }
  }

  /** In a worker, else in this thread. */
  #runThread(): Promise<CaptureEnd> {
    try {
      return this.#thread.run();
    } catch (error) {
      if (!(error instanceof WorkerUnavailable)) throw error;
      this.#listener.notice(
        `capture shares the main thread, since no worker can be started: ${error.message}`,
      );
      this.#thread = new InlineCapture(this.#plan, (chunk) => this.#deliver(chunk), this.#listening());
      return this.#thread.run();
    }
  }

  /** Ends capture; what was read is still delivered. */
  stop(): void {
    this.#thread.stop();
  }

  /** The inputs that are open are all there will be: a capture thread that breaks down is not replaced. */
  cannotReopen(reason: string): void {
    this.#thread.cannotReopen(reason);
  }

  /**
   * Swaps the filters between two blocks, those of the kernel too. While a set is made ready, of those that come the
   * last one waits: changes that never pause neither pile up nor keep every set from being in force.
   */
  setFilters(filters: CaptureFilters): void {
    this.#plan = { ...this.#plan, filters };
    if (this.#told === undefined) this.#tell(filters);
  }

  #tell(filters: CaptureFilters): void {
    this.#told = filters;
    this.#thread.setFilters(filters);
  }

  /** Closes all sinks, whatever becomes of one; throws the first failure. */
  async #closeSinks(): Promise<void> {
    const closed = await Promise.allSettled(this.#sinks.map((sink) => sink.close()));
    const failure = closed.find((one) => one.status === "rejected");
    if (failure !== undefined && this.#sinkFailure === undefined) throw failure.reason;
  }

  #listening(): CaptureListener {
    return {
      ...this.#listener,
      progress: (progress) => {
        this.#progress = progress;
        this.#progressAt = performance.now();
        this.#listener.progress(progress);
      },
      filtersSet: (report) => {
        this.#filterReport = report;
        this.#listener.filtersSet(report);
        // The report may be about a set before that one.
        if (this.#told === undefined || report.version < this.#told.version) return;
        const { filters } = this.#plan;
        const isLatest = filters.version <= report.version;
        this.#told = undefined;
        if (!isLatest) this.#tell(filters);
      },
    };
  }

  /** Gives a chunk to every sink. */
  async #deliver(chunk: Chunk): Promise<ArrayBuffer[]> {
    if (this.#sinkFailure !== undefined) {
      this.#countUnwritten(chunk);
      return [];
    }
    try {
      await writeToAll(this.#sinks, chunk);
      return buffersToReuse(chunk);
    } catch (error) {
      this.#sinkFailure = error;
      this.#countUnwritten(chunk);
      this.stop();
      // The other sinks may still read it.
      return [];
    }
  }

  #countUnwritten({ packets }: Chunk): void {
    // A reader that went away wants no more packets: none is lost.
    if (this.#sinkFailure instanceof OperatorError) this.#unwritten += packets;
  }

  #withUnwritten(progress: Progress): Progress {
    return { ...progress, droppedBySinks: progress.droppedBySinks + this.#unwritten };
  }
}

/** Capture and engine on this thread. */
class InlineCapture implements CaptureThread {
  readonly #loop: CaptureLoop;
  #pending: Promise<void> | undefined;

  constructor(plan: CapturePlan, deliver: Deliver, listener: CaptureListener) {
    Engine.load(engineModule);
    const host: CaptureHost = {
      ready: () => this.#pending === undefined,
      whenReady: () => this.#pending ?? Promise.resolve(),
      take: (chunk) => {
        this.#pending = deliver(chunk).then((buffers) => {
          this.#pending = undefined;
          this.#loop.giveBack(buffers);
        });
      },
      report: (progress) => listener.progress(progress),
      opened: () => listener.opened(),
      notice: (line) => listener.notice(line),
      failed: (line) => listener.failed(line),
      filtersSet: (report) => listener.filtersSet(report),
      signalling() {
        // There is no other thread.
      },
    };
    this.#loop = new CaptureLoop(plan, host);
  }

  async run(): Promise<CaptureEnd> {
    const end = await this.#loop.run();
    await this.#pending;
    return end;
  }

  stop(): void {
    this.#loop.stop();
  }

  cannotReopen(): void {
    // This thread is not started again in any case.
  }

  setFilters(filters: CaptureFilters): void {
    this.#loop.setFilters(filters);
  }
}
