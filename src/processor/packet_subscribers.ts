import { type ServerWritableStream, status } from "@grpc/grpc-js";
import type { SubscribeRequest } from "../proto/data_messages.ts";
import { logger } from "../telemetry/log.ts";
import { StatusError } from "./status_error.ts";

type Call = ServerWritableStream<SubscribeRequest, Uint8Array>;

/** What waits for one slow subscriber at most. */
const maxWaitingBatches = 256;
const maxWaitingBytes = 16 * 1_048_576;

const log = logger("processor");

/** The clients that watch packets. A slow one loses batches, and holds up nobody. */
export class PacketSubscribers {
  readonly #max: number;
  readonly #subscribers = new Set<PacketSubscriber>();
  #named = 0;
  #droppedByGone = 0;

  /** Begins without clients, and takes `max` of them at once; 0 for no limit. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Clients connected. */
  get size(): number {
    return this.#subscribers.size;
  }

  /** Batches that slow clients have missed. */
  get dropped(): number {
    return [...this.#subscribers].reduce((sum, subscriber) => sum + subscriber.dropped, this.#droppedByGone);
  }

  /** Takes a new client for as long as its call lasts. Throws StatusError when it cannot be served. */
  add(call: Call): void {
    const request = call.request;
    if (this.#max > 0 && this.#subscribers.size >= this.#max) {
      throw new StatusError(
        status.RESOURCE_EXHAUSTED,
        `this processor takes no more than ${this.#max} subscribers`,
      );
    }
    if (request.bpf_filter !== "") {
      throw new StatusError(
        status.UNIMPLEMENTED,
        `bpf_filter "${request.bpf_filter}" cannot be applied here: subscribe without one, and filter at the client`,
      );
    }
    const name = request.client_id || `client-${this.#named += 1}`;
    const subscriber = new PacketSubscriber(call);
    this.#subscribers.add(subscriber);
    log.info(`subscriber ${name} at ${call.getPeer()} connected`);
    call.once("close", () => {
      if (!this.#subscribers.delete(subscriber)) return;
      this.#droppedByGone += subscriber.dropped;
      log.info(`subscriber ${name} disconnected; it missed ${subscriber.dropped} batches`);
    });
  }

  /** Gives a batch to every client that wants the hunter. @param batch makes its bytes, if anybody wants them */
  publish(hunterId: string, batch: () => Uint8Array): void {
    let bytes: Uint8Array | undefined;
    for (const subscriber of this.#subscribers) {
      if (subscriber.wants(hunterId)) subscriber.give(bytes ??= batch());
    }
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const subscriber of this.#subscribers) subscriber.close();
  }
}

class PacketSubscriber {
  readonly #call: Call;
  readonly #hunters: ReadonlySet<string> | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  dropped = 0;

  constructor(call: Call) {
    this.#call = call;
    this.#hunters = call.request.has_hunter_filter ? new Set(call.request.hunter_ids) : undefined;
    call.on("drain", () => this.#send());
  }

  wants(hunterId: string): boolean {
    return this.#hunters?.has(hunterId) ?? true;
  }

  give(bytes: Uint8Array): void {
    if (
      this.#waiting.length >= maxWaitingBatches ||
      this.#waitingBytes + bytes.length > maxWaitingBytes && this.#waiting.length > 0
    ) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#send();
  }

  close(): void {
    this.#call.emit("error", new StatusError(status.UNAVAILABLE, "the processor is stopping"));
  }

  #send(): void {
    if (this.#call.writableNeedDrain || this.#call.writableEnded || this.#call.destroyed) return;
    let sent = 0;
    for (const bytes of this.#waiting) {
      sent += 1;
      this.#waitingBytes -= bytes.length;
      if (!this.#call.write(bytes)) break;
    }
    this.#waiting.splice(0, sent);
  }
}
