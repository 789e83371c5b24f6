import type { ClientReadableStream } from "@grpc/grpc-js";
import type { Backoff } from "../delivery/backoff.ts";
import { type FilterUpdate, FilterUpdateType } from "../proto/management_messages.ts";
import { managementService } from "../proto/services.ts";
import { logger } from "../telemetry/log.ts";
import type { Channel } from "./channel.ts";
import type { FilterTable } from "./filter_table.ts";
import { failureFrom, failureOf } from "./rpc_failure.ts";

const log = logger("hunter");

/** What a stream has named since it began; undefined once nobody asks any more. */
interface Touched {
  ids: Set<string> | undefined;
}

/** Keeps the filter table in step with the processor, over one connection; subscribes again when a stream ends. */
export class FilterSubscription {
  readonly #channel: Channel;
  readonly #hunterId: string;
  readonly #table: FilterTable;
  readonly #backoff: Backoff;
  readonly #deadlineMs: number;
  #call: ClientReadableStream<FilterUpdate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #openedAt = 0;

  /** Subscribes. */
  constructor(channel: Channel, hunterId: string, table: FilterTable, backoff: Backoff, deadlineMs: number) {
    this.#channel = channel;
    this.#hunterId = hunterId;
    this.#table = table;
    this.#backoff = backoff;
    this.#deadlineMs = deadlineMs;
    this.#subscribe();
  }

  /** Ends the subscription. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#call?.cancel();
  }

  #subscribe(): void {
    this.#openedAt = performance.now();
    const touched: Touched = { ids: new Set() };
    const call = this.#channel.serverStream(managementService.SubscribeFilters, {
      hunter_id: this.#hunterId,
    });
    this.#call = call;
    call.on("data", (update: FilterUpdate) => {
      // An update without a filter says nothing.
      if (update.filter === null) return;
      touched.ids?.add(update.filter.id);
      this.#apply(update);
    });
    call.on("error", () => {});
    call.on("status", (end) => {
      if (this.#closed) return;
      clearTimeout(this.#retry);
      const failure = failureOf(end);
      const wait = this.#backoff.next(performance.now() - this.#openedAt, failure.permanent);
      log.debug(`filter subscription ended (${failure.message}); subscribing again in ${wait} ms`);
      this.#timer = setTimeout(() => this.#subscribe(), wait);
    });
    void this.#reconcile(call, touched);
  }

  /**
   * The stream never says what is no longer in force, nor where its first part ends: asks for the list once, and
   * trusts the stream for every filter that it has named since.
   */
  async #reconcile(call: ClientReadableStream<FilterUpdate>, touched: Touched): Promise<void> {
    try {
      const { filters } = await this.#channel.unary(
        managementService.GetFilters,
        { hunter_id: this.#hunterId },
        this.#deadlineMs,
      );
      if (!this.#closed && call === this.#call) this.#table.replaceAll(filters, touched.ids);
      touched.ids = undefined;
    } catch (error) {
      const failure = failureFrom(error);
      log.debug(`the list of filters could not be fetched: ${failure.message}`);
      if (this.#closed || call !== this.#call || failure.permanent) return;
      this.#retry = setTimeout(() => this.#reconcile(call, touched), this.#deadlineMs);
    }
  }

  #apply({ update_type, filter }: FilterUpdate): void {
    if (filter === null) return;
    if (update_type === FilterUpdateType.UPDATE_DELETE) this.#table.remove(filter.id);
    else this.#table.put(filter);
  }
}
