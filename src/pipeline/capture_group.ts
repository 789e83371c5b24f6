import type { CaptureFilters, FilterRefusal, FilterReport } from "./capture_filters.ts";
import { type CapturePlan, inGroups } from "./capture_plan.ts";
import type { CaptureListener, CaptureThread, Deliver, SharingCaptureThread } from "./capture_thread.ts";
import { LinesOfMany } from "./lines_of_many.ts";
import { type CaptureEnd, noProgress, type Progress, sideBySide, trafficSideBySide } from "./progress.ts";

/**
 * Longest time that the kernel holds packets of a shared interface back, ms. So far apart may packets be that follow each
 * other and come by different sockets: media may overtake its signalling by that.
 */
const LONGEST_HOLD_MS = 20;

/** Makes one of the captures; `number` begins with 1. */
export type MakeCapture = (
  plan: CapturePlan,
  deliver: Deliver,
  listener: CaptureListener,
  number: number,
) => SharingCaptureThread;

/** One of the captures, and what it told last. */
interface Member {
  readonly thread: SharingCaptureThread;
  opened: boolean;
  progress: Progress;
  /** It told {@link progress} since the figures of all were told. */
  isFresh: boolean;
  report: FilterReport | undefined;
  over: boolean;
  end: CaptureEnd | undefined;
}

/**
 * Several captures that share their interfaces by fan-out, seen as one. The first takes all packets until the others
 * are open; each takes its share once its filters are made. Where one breaks down, the others go on, and the kernel
 * gives its flows to them until it is back; where one ends, all do.
 */
export class CaptureGroup implements CaptureThread {
  readonly #size: number;
  readonly #deliver: Deliver;
  readonly #listener: CaptureListener;
  readonly #make: MakeCapture;
  readonly #members: Member[] = [];
  readonly #lines = new LinesOfMany<Member>(() => performance.now());
  readonly #result = Promise.withResolvers<CaptureEnd>();
  #plan: CapturePlan;
  /** The last one that was begun. */
  #delivery: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #cannotReopen: string | undefined;
  /** The version of the filters that were in force everywhere when it was told last. */
  #toldVersion = -1;
  /** The first failure; it ends the run. */
  #failure: { readonly error: unknown } | undefined;

  /** Starts nothing yet; `size` captures, at least 1. `deliver` takes one chunk at a time. */
  constructor(
    size: number,
    plan: CapturePlan,
    deliver: Deliver,
    listener: CaptureListener,
    make: MakeCapture,
  ) {
    this.#size = size;
    this.#plan = {
      ...plan,
      inputs: plan.inputs.map((input) =>
        input.kind === "file" ? input : { ...input, timeoutMs: Math.min(input.timeoutMs, LONGEST_HOLD_MS) }
      ),
      engine: { ...plan.engine, sharesCalls: plan.engine.protocol === "voip" },
    };
    this.#deliver = deliver;
    this.#listener = listener;
    this.#make = make;
  }

  /** Throws what the first capture throws when it cannot be started. */
  run(): Promise<CaptureEnd> {
    this.#start(inGroups(this.#plan, this.#plan.inputs.map(() => "new")));
    return this.#result.promise;
  }

  stop(): void {
    this.#stopped = true;
    for (const { thread } of this.#members) thread.stop();
  }

  cannotReopen(reason: string): void {
    this.#cannotReopen = reason;
    for (const { thread } of this.#members) thread.cannotReopen(reason);
  }

  setFilters(filters: CaptureFilters): void {
    this.#plan = { ...this.#plan, filters };
    for (const { thread } of this.#members) thread.setFilters(filters);
  }

  #start(plan: CapturePlan): void {
    const deliver: Deliver = (chunk) => {
      const delivery = this.#delivery.then(() => this.#deliver(chunk));
      this.#delivery = delivery;
      return delivery;
    };
    const member: Member = {
      thread: this.#make(plan, deliver, this.#listening(() => member), this.#members.length + 1),
      ...{ opened: false, progress: noProgress, isFresh: false, report: undefined },
      ...{ over: false, end: undefined },
    };
    const run = member.thread.run();
    this.#members.push(member);
    if (this.#cannotReopen !== undefined) member.thread.cannotReopen(this.#cannotReopen);
    run.then((end) => member.end = end, (error) => this.#failure ??= { error })
      .then(() => this.#ended(member));
  }

  /** Starts those after the first one, into its groups. */
  #startOthers(groups: readonly (number | undefined)[]): void {
    try {
      while (this.#members.length < this.#size) this.#start(inGroups(this.#plan, groups));
    } catch (error) {
      this.#failure ??= { error };
      this.stop();
    }
  }

  #listening(speaker: () => Member): CaptureListener {
    const tell = (listener: "notice" | "failed") => (line: string) => {
      if (this.#lines.isNews(line, speaker())) this.#listener[listener](line);
    };
    return {
      opened: () => this.#opened(speaker()),
      notice: tell("notice"),
      failed: tell("failed"),
      filtersSet: (report) => this.#filtersSet(speaker(), report),
      progress: (progress) => this.#progressed(speaker(), progress),
      signalling: (bytes) => {
        for (const { thread } of this.#members) if (thread !== speaker().thread) thread.hear(bytes);
      },
    };
  }

  #opened(member: Member): void {
    member.opened = true;
    if (this.#stopped) return;
    if (this.#members.length < this.#size) this.#startOthers(member.thread.fanoutGroups);
    if (this.#isWhole && this.#members.every(({ opened }) => opened)) this.#listener.opened();
  }

  get #isWhole(): boolean {
    return this.#members.length === this.#size;
  }

  /** Tells it when the same version is in force everywhere, or is again after one of them was started anew. */
  #filtersSet(member: Member, report: FilterReport): void {
    member.report = report;
    const reports = this.#members.flatMap(({ report }) => report ?? []);
    if (reports.length < this.#size) return;
    const versions = reports.map(({ version }) => version);
    const version = Math.min(...versions);
    if (version <= this.#toldVersion && Math.max(...versions) > version) return;
    this.#toldVersion = version;
    this.#listener.filtersSet(joined(version, reports));
  }

  /** Tells the figures when there are new ones of all: one that hangs must not look as if it were alive. */
  #progressed(member: Member, progress: Progress): void {
    member.progress = progress;
    member.isFresh = true;
    if (!this.#isWhole || !this.#members.every(({ isFresh, over }) => isFresh || over)) return;
    for (const one of this.#members) one.isFresh = false;
    this.#listener.progress(sideBySide(this.#members.map(({ progress }) => progress)));
  }

  #ended(member: Member): void {
    member.over = true;
    if (!this.#stopped) this.stop();
    if (!this.#members.every(({ over }) => over)) return;
    if (this.#failure !== undefined) return this.#result.reject(this.#failure.error);
    const ends = this.#members.flatMap(({ end }) => end ?? []);
    this.#result.resolve({
      progress: sideBySide(ends.map(({ progress }) => progress)),
      traffic: trafficSideBySide(ends.map(({ traffic }) => traffic)),
      // What one cannot read, the others cannot read either.
      failures: Math.max(...ends.map(({ failures }) => failures)),
    });
  }
}

/** What became of the filters of `version`: in force are those that are so everywhere. */
function joined(version: number, reports: readonly FilterReport[]): FilterReport {
  const refused = new Map<string, FilterRefusal>();
  for (const refusal of reports.flatMap((report) => report.refused)) {
    if (!refused.has(refusal.filter.id)) refused.set(refusal.filter.id, refusal);
  }
  return {
    version,
    active: Math.min(...reports.map(({ active }) => active)),
    refused: [...refused.values()],
  };
}
