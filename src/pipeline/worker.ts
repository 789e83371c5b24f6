/**
 * The capture thread. It is bundled into `worker_bundle.ts` (`deno task build:worker`) and started from a blob,
 * since a worker from a file needs permission to read that file.
 *
 * @module
 */
import type { Chunk } from "../engine/chunk.ts";
import { Engine } from "../engine/engine.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { type CaptureHost, CaptureLoop } from "./capture_loop.ts";
import type { CapturePlan } from "./capture_plan.ts";
import { CREDITS, type FromWorker, type ToWorker } from "./worker_protocol.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
};

let loop: CaptureLoop | undefined;
let credits = CREDITS;
let wake: (() => void) | undefined;
/** How the run ends is settled. */
let over = false;

const host: CaptureHost = {
  ready: () => credits > 0,
  whenReady: () => new Promise((resolve) => wake = resolve),
  take(chunk) {
    credits--;
    scope.postMessage({ kind: "chunk", chunk }, buffersOf(chunk));
  },
  opened: (fanoutGroups) => scope.postMessage({ kind: "opened", fanoutGroups }),
  report: (progress) => scope.postMessage({ kind: "progress", progress }),
  notice: (line) => scope.postMessage({ kind: "notice", line }),
  failed: (line) => scope.postMessage({ kind: "input-failed", line }),
  filtersSet: (report) => scope.postMessage({ kind: "filters-set", report }),
  signalling: (bytes) => scope.postMessage({ kind: "signalling", bytes }, [bytes.buffer]),
};

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case "start":
      start(data.module, data.plan);
      break;
    case "credit":
      credits++;
      loop?.giveBack(data.buffers);
      wake?.();
      break;
    case "filters":
      loop?.setFilters(data.filters);
      break;
    case "signalling":
      loop?.hear(data.bytes);
      scope.postMessage({ kind: "heard", bytes: data.bytes.length });
      break;
    case "stop":
      loop?.stop();
  }
};

// A socket that stayed open would keep its share of the packets from the other threads.
addEventListener("error", (event) => {
  event.preventDefault();
  fail(event.error);
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});

async function start(module: WebAssembly.Module, plan: CapturePlan): Promise<void> {
  try {
    Engine.load(module);
    loop = new CaptureLoop(plan, host);
    const end = await loop.run();
    if (!over) finish({ kind: "end", end });
  } catch (error) {
    await fail(error);
  }
}

/** Ends a run, which may know nothing of it; only the first failure counts. */
async function fail(error: unknown): Promise<void> {
  if (over) return;
  over = true;
  await loop?.close();
  finish(failureOf(error));
}

/** Says the last word. */
function finish(message: FromWorker): void {
  over = true;
  scope.postMessage(message);
  scope.close();
}

function failureOf(error: unknown): FromWorker {
  const exitCode = error instanceof OperatorError ? error.exitCode : undefined;
  const unforeseen = exitCode === undefined && error instanceof Error;
  const message = unforeseen ? error.stack ?? error.message : messageOf(error);
  return { kind: "failed", message, exitCode };
}

function buffersOf(chunk: Chunk): Transferable[] {
  const buffers = new Set<ArrayBufferLike>();
  for (const piece of chunk.wire ?? []) buffers.add(piece.bytes.buffer);
  for (const bytes of [chunk.json, chunk.text, chunk.pcap, chunk.calls, chunk.callPcap]) {
    if (bytes !== undefined) buffers.add(bytes.buffer);
  }
  return [...buffers] as ArrayBuffer[];
}
