/** The worker of {@link Feeder}. */
import { Injector } from "../live/inject.ts";
import type { FeederOrder } from "./feeder.ts";
import { numberedFrame } from "./numbered_frames.ts";

/** Time between two bursts, ms. */
const TURN_MS = 2;
/** A machine that was busy elsewhere is not made up for beyond this, ms. */
const LONGEST_TURN_MS = 100;

const worker = globalThis as unknown as {
  onmessage: (event: MessageEvent<FeederOrder>) => void;
  postMessage(sent: number): void;
};

worker.onmessage = async ({ data: { interfaceName, rate, shared } }) => {
  const state = new Int32Array(shared);
  const injector = new Injector(interfaceName);
  let sent = 0;
  let due = 0;
  for (let last = performance.now(); Atomics.load(state, 1) === 0;) {
    const now = performance.now();
    due += Math.min(now - last, LONGEST_TURN_MS) * rate / 1_000;
    last = now;
    while (sent < due && injector.send(numberedFrame(sent))) sent++;
    Atomics.store(state, 0, sent);
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  injector.close();
  worker.postMessage(sent);
};
