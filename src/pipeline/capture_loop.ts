import { kernelExpression } from "../capture/bpf.ts";
import { compileProblem } from "../capture/bpf_program.ts";
import { setImmediate } from "node:timers";
import type { KernelCounters, Source } from "../capture/source.ts";
import { type Chunk, isEmptyChunk } from "../engine/chunk.ts";
import { drained, Engine } from "../engine/engine.ts";
import { OutputBuffers } from "../engine/output_buffers.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import {
  type CaptureFilters,
  enabled,
  FilterJudge,
  type FilterReport,
  linkTypesOfFiles,
  policyFor,
} from "./capture_filters.ts";
import type { CapturePlan } from "./capture_plan.ts";
import type { Traffic } from "../engine/traffic.ts";
import { openSource } from "./plan_source.ts";
import { type CaptureEnd, type Progress, sumOfKernel } from "./progress.ts";

/**
 * What a live capture holds back for sinks that are not ready, bytes of output. Bursts and short stalls fit; what does
 * not is dropped and counted.
 */
const BACKLOG_BYTES = 128 << 20;
/** Bytes read from a file per engine call. Fits the second-level cache: reading 1 MiB at a time took four times as long. */
const BLOCK_BYTES = 256 << 10;
/** Longest time without giving the event loop a turn, ms. */
const TURN_MS = 20;
/** Least time between two times that the engine is told how time goes by, ms. */
const ADVANCE_MS = 100;
/** Time between two looks at the traffic by protocol, ms. */
const TRAFFIC_MS = 5_000;
/** The same, in times of what a look took: packets wait meanwhile, and it grows with the number of flows. */
const TRAFFIC_PAUSES = 500;
/** Addresses in {@link CaptureEnd.traffic}. */
const TOP_TALKERS = 10;

/** Where a capture loop delivers to: the other side of a worker, or the pipeline itself. */
export interface CaptureHost {
  /** Room for one more chunk? A live capture drops when there is none, a file waits. */
  ready(): boolean;
  /** Resolves when there is room again. */
  whenReady(): Promise<void>;
  /** Gets what the engine wrote; only called when there is room. */
  take(chunk: Chunk): void;
  /** All inputs are open; of each, in their order, the number of its fan-out group. */
  opened(fanoutGroups: readonly (number | undefined)[]): void;
  /** Gets the counters, about every {@link CapturePlan.reportMs}. */
  report(progress: Progress): void;
  /** A line for the operator that is no failure. */
  notice(line: string): void;
  /** An input that cannot be read, or not any longer. */
  failed(line: string): void;
  /** The filters told last are in force, but for those that the report names. */
  filtersSet(report: FilterReport): void;
  /** What other threads must know of the calls seen here; told before the packets that it comes from. */
  signalling(bytes: Uint8Array<ArrayBuffer>): void;
}

/** Moves blocks from the sources through the engine to a host. One per capture thread. */
export class CaptureLoop {
  readonly #plan: CapturePlan;
  readonly #host: CaptureHost;
  readonly #engine: Engine;
  readonly #buffers = new OutputBuffers();
  readonly #judge: FilterJudge;
  readonly #live: boolean;
  #filters: CaptureFilters;
  /** The change of filters that is under way, or was the last. */
  #change: Generator<void, void> | undefined;
  /** What became of the filters that are in force. */
  #inForce: Omit<FilterReport, "version"> = { active: 0, refused: [] };
  /** Packets are taken. */
  #running = false;
  /** Filters can be judged: it is known what kinds of packets come. */
  #opened = false;
  #failures = 0;
  #sources: Source[] = [];
  /** Bytes of the files before the one that is read. */
  #bytesBefore = 0;
  #stopped = false;
  readonly #stopping = Promise.withResolvers<void>();
  #droppedBySinks = 0;
  #lastTurn = performance.now();
  #lastReport = performance.now();
  #lastAdvance = performance.now();
  #traffic: Traffic | undefined;
  #nextTraffic = 0;

  /** {@link Engine.load} must have been called in this thread. */
  constructor(plan: CapturePlan, host: CaptureHost) {
    this.#plan = plan;
    this.#host = host;
    this.#engine = new Engine(plan.engine);
    this.#judge = new FilterJudge(plan.standIns);
    this.#live = plan.inputs.some((input) => input.kind === "interface");
    this.#filters = plan.filters;
    this.#opened = !this.#live;
    this.setFilters(plan.filters);
  }

  /** Runs until the files are read, or until {@link stop}. Rejects only when nothing can be captured at all. */
  async run(): Promise<CaptureEnd> {
    try {
      await (this.#live ? this.#captureInterfaces() : this.#readFiles());
      await this.#finish();
    } finally {
      await this.close();
    }
    // A closed source still tells its counters; filters do not reach it any more.
    const traffic = this.#engine.traffic(TOP_TALKERS);
    if (this.#plan.reportsTraffic) this.#traffic = traffic;
    const progress = this.#progress();
    this.#sources = [];
    return { progress, traffic, failures: this.#failures };
  }

  /** Gives back what the sources hold of the system, whatever becomes of the run. */
  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }

  /** Takes what another thread told of the calls that it saw. */
  hear(signalling: Uint8Array): void {
    this.#engine.hear(signalling);
  }

  /** Takes back buffers of chunks that every sink took. */
  giveBack(buffers: readonly ArrayBuffer[]): void {
    this.#buffers.giveBack(buffers);
  }

  /** Ends the run after what has been read so far. */
  stop(): void {
    this.#stopped = true;
    this.#stopping.resolve();
  }

  /**
   * Swaps the filters between two blocks, those of the kernel too. A capture that is under way goes on with the old ones
   * while the new ones are made.
   */
  setFilters(wanted: CaptureFilters): void {
    this.#filters = wanted;
    if (!this.#opened) return;
    const change = this.#change = this.#changeFilters(wanted);
    if (this.#running) this.#continueChange(change);
    else drained(change);
  }

  /** Makes the filters between blocks. Later ones take the place of those that are not done yet. */
  async #continueChange(change: Generator<void, void>): Promise<void> {
    while (this.#change === change && !this.#stopped) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#change !== change) return;
      try {
        if (change.next().done) return;
      } catch (error) {
        this.#host.notice(`the filters stay as they were: ${messageOf(error)}`);
        this.#host.filtersSet({ ...this.#inForce, version: this.#filters.version });
        return;
      }
    }
  }

  *#changeFilters(wanted: CaptureFilters): Generator<void, void> {
    const linkTypes = this.#live
      ? [...new Set(this.#sources.flatMap(({ linkType }) => linkType ?? []))]
      : linkTypesOfFiles;
    const engine = this.#engine;
    const { filters, report } = yield* this.#judge.settle(
      wanted.filters,
      linkTypes,
      (filters) => engine.buildFilters({ ...wanted, filters, noFilterPolicy: policyFor(wanted, filters) }),
    );
    const asked = enabled(wanted.filters);
    if (asked > 0 && enabled(filters) === 0) {
      const all = asked === 1 ? "the only filter was" : `all ${asked} filters were`;
      this.#host.notice(`${all} refused: nothing passes until one can be used`);
    }
    engine.swapFilters(wanted.version);
    const change = (name: string, set: () => void) => {
      try {
        set();
      } catch (error) {
        this.#host.notice(`the capture filter of ${name} stays as it was: ${messageOf(error)}`);
      }
    };
    if (!this.#live) {
      change("the files", () => this.#engine.setPrograms(this.#judge.programsFor(wanted.kernel, filters)));
    }
    for (const source of this.#sources) {
      const { linkType } = source;
      if (linkType === undefined) continue;
      const expression = this.#judge.expressionFor(linkType, wanted.kernel, filters);
      change(source.name, () => source.setFilter(expression));
    }
    this.#inForce = report;
    this.#host.filtersSet({ version: wanted.version, ...report });
  }

  async #readFiles(): Promise<void> {
    for (const input of this.#plan.inputs) {
      if (this.#stopped) return;
      const source = openSource(input);
      this.#sources = [source];
      try {
        // A named pipe opens only when its writer comes.
        await Promise.race([source.open(), this.#stopping.promise]);
        if (input === this.#plan.inputs.at(-1)) this.#host.opened([]);
        if (!this.#stopped) await this.#readFile(source);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        this.#fail(error.message);
      } finally {
        this.#passOnNotices(source);
        source.close();
        this.#bytesBefore += source.bytesRead;
        this.#sources = [];
      }
    }
  }

  async #readFile(source: Source): Promise<void> {
    const input = this.#engine.openInput(source.name, source.interfaceName);
    const refused = this.#engine.counters().refused_inputs;
    for (let more = true; more && !this.#stopped;) {
      if (source.direct) {
        const bytes = source.readSync(this.#engine.inbox(BLOCK_BYTES));
        more = this.#step(input, bytes ?? 0, bytes === null);
      } else {
        const bytes = await source.next();
        more = this.#process(input, bytes);
      }
      this.#passOnNotices(source);
      if (!more) this.#tellNotices(this.#engine.counters().refused_inputs !== refused);
      if (!this.#host.ready()) await this.#host.whenReady();
      this.#deliver();
      await this.#giveTurn();
    }
  }

  async #captureInterfaces(): Promise<void> {
    this.#sources = this.#plan.inputs.map((input) => openSource(input));
    const opened: Source[] = [];
    for (const source of this.#sources) {
      try {
        await source.open();
        this.#checkOwnExpression(source);
        opened.push(source);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        this.#fail(error.message);
      }
      this.#passOnNotices(source);
    }
    this.#sources = opened;
    // A name that is wrong must not cost half of the traffic: what is asked for is captured, or nothing.
    if (opened.length < this.#plan.inputs.length) return;
    this.#opened = true;
    this.setFilters(this.#filters);
    this.#running = true;
    this.#host.opened(opened.map(({ fanoutGroup }) => fanoutGroup));
    this.#report();
    await Promise.all(opened.map((source) => this.#captureInterface(source)));
  }

  /** Throws OperatorError when the operator's expression does not fit the interface. */
  #checkOwnExpression({ linkType }: Source): void {
    if (linkType === undefined) return;
    const problem = compileProblem(linkType, kernelExpression({ ...this.#filters.kernel, pushed: [] }));
    if (problem !== undefined) throw new OperatorError(problem);
  }

  /** Ends the engine's inputs, and delivers all that is left. */
  async #finish(): Promise<void> {
    this.#engine.finish();
    if (!this.#host.ready()) await this.#host.whenReady();
    this.#deliver();
  }

  async #captureInterface(source: Source): Promise<void> {
    const input = this.#engine.openInput(source.name, source.interfaceName);
    try {
      let finishing = false;
      for (let more = true; more;) {
        if (this.#stopped && !finishing) {
          // What the kernel holds was captured before the stop.
          source.finish();
          finishing = true;
        }
        const bytes = await source.next();
        more = this.#process(input, bytes) && bytes !== null;
        this.#passOnNotices(source);
        this.#deliver();
        await this.#giveTurn();
        // The limit of one interface is the limit of all.
        if (!more) this.stop();
      }
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      this.#fail(error.message);
      source.close();
    }
  }

  #fail(line: string): void {
    this.#failures++;
    this.#host.failed(line);
  }

  /** Feeds one buffer; `null` is the end of the input. Large buffers go in pieces, as files do. */
  #process(input: number, bytes: Uint8Array | null): boolean {
    if (bytes === null) return this.#step(input, 0, true);
    let more = true;
    for (let start = 0; more && start < bytes.length; start += BLOCK_BYTES) {
      const part = bytes.subarray(start, start + BLOCK_BYTES);
      this.#engine.inbox(part.length).set(part);
      more = this.#step(input, part.length, false);
    }
    return more;
  }

  #step(input: number, bytes: number, atEnd: boolean): boolean {
    const more = this.#engine.process(input, bytes, atEnd);
    this.#tellSignalling();
    return more;
  }

  #tellSignalling(): void {
    const told = this.#plan.engine.sharesCalls ? this.#engine.takeSignalling() : undefined;
    if (told !== undefined && told.length > 0) this.#host.signalling(told);
  }

  /** Tells what the engine has to say; `refused` when that is why an input is no capture. */
  #tellNotices(refused = false): void {
    for (const line of this.#engine.takeNotices()) {
      if (refused) this.#fail(line);
      else this.#host.notice(line);
    }
  }

  #deliver(): void {
    const now = performance.now();
    // What is over, and what waits in vain, must not wait for the next packet to be told of.
    if (this.#live && now - this.#lastAdvance >= ADVANCE_MS) {
      this.#engine.advance(now - this.#lastAdvance);
      this.#lastAdvance = now;
    }
    if (now - this.#lastReport >= this.#plan.reportMs) this.#report();
    this.#tellSignalling();
    this.#tellNotices();
    if (this.#host.ready()) {
      const chunk = this.#engine.take(this.#buffers);
      if (!isEmptyChunk(chunk) && this.#engine.hasOutputs) this.#host.take(chunk);
    } else if (this.#engine.outputBytes > BACKLOG_BYTES) {
      this.#droppedBySinks += this.#engine.take().packets;
    }
  }

  #report(): void {
    this.#lastReport = performance.now();
    if (this.#plan.reportsTraffic && this.#lastReport >= this.#nextTraffic) this.#lookAtTraffic();
    this.#host.report(this.#progress());
  }

  #lookAtTraffic(): void {
    const begun = performance.now();
    this.#traffic = this.#engine.traffic(0);
    const ended = performance.now();
    this.#nextTraffic = ended + Math.max(TRAFFIC_MS, (ended - begun) * TRAFFIC_PAUSES);
  }

  #progress(): Progress {
    return {
      engine: this.#engine.counters(),
      inputBytes: this.#sources.reduce((sum, source) => sum + source.bytesRead, this.#bytesBefore),
      kernel: this.#kernelCounters(),
      droppedBySinks: this.#droppedBySinks,
      restarts: 0,
      signallingDropped: 0,
      ...(this.#traffic === undefined ? {} : { traffic: this.#traffic }),
    };
  }

  #kernelCounters(): KernelCounters | undefined {
    return this.#sources.map((source) => source.kernelCounters()).reduce(sumOfKernel, undefined);
  }

  #passOnNotices(source: Source): void {
    for (const line of source.takeNotices()) this.#host.notice(line);
  }

  /** Messages to this thread are only seen between turns of the event loop. */
  async #giveTurn(): Promise<void> {
    if (performance.now() - this.#lastTurn < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurn = performance.now();
  }
}
