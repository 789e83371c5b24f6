import { status } from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import type { Filter } from "../engine/filter.ts";
import { filterMessage } from "../proto/filter_message.ts";
import { type HunterStatusName, hunterStatusNames } from "../proto/hunter_status.ts";
import {
  type ConnectedHunter,
  type HunterCapabilities,
  type HunterHeartbeat,
  type HunterRegistration,
  type HunterStats,
  HunterStatus,
} from "../proto/management_messages.ts";
import { registrationProblem } from "./registration_validation.ts";
import { StatusError } from "./status_error.ts";

/** A hunter that has not been heard of for this long is shown with STATUS_ERROR, ms. */
const silentMs = 30_000;
/** A hunter that registered and was never heard of again makes room after this time, ms: heartbeats begin within 5 s. */
const mutedMs = 15_000;
/** A hunter that has not been heard of for this long is forgotten, ms. */
const forgottenMs = 300_000;

/** What is known of a registered hunter. */
interface HunterRecord {
  readonly registration: HunterRegistration;
  readonly remoteAddress: string;
  readonly registeredAt: number;
  /** By this machine's clock: a hunter's clock may be wrong. */
  seenAt: number;
  status: HunterStatus;
  stats: HunterStats | null;
}

/** The hunters that registered with this processor. */
export class HunterRegistry {
  readonly #maxHunters: number;
  readonly #records = new Map<string, HunterRecord>();
  readonly #now: () => number;

  /** Begins empty, and holds `maxHunters` at most; `now` is a clock that never jumps, ms. */
  constructor(maxHunters: number, now: () => number = () => performance.now()) {
    this.#maxHunters = maxHunters;
    this.#now = now;
  }

  /** Hunters registered and not forgotten. */
  get size(): number {
    this.#forget();
    return this.#records.size;
  }

  /**
   * Takes a registration; one with a known id replaces the earlier one. Throws StatusError at the limit, and when a
   * field is too long.
   */
  register(registration: HunterRegistration, remoteAddress: string): void {
    const id = registration.hunter_id;
    const problem = registrationProblem(registration);
    if (problem !== undefined) throw new StatusError(status.INVALID_ARGUMENT, problem);
    this.#forget();
    if (!this.#records.has(id) && this.#records.size >= this.#maxHunters && !this.#makeRoom()) {
      throw new StatusError(
        status.RESOURCE_EXHAUSTED,
        `this processor takes no more than ${this.#maxHunters} hunters`,
      );
    }
    const now = this.#now();
    this.#records.set(id, {
      registration,
      remoteAddress,
      registeredAt: now,
      seenAt: now,
      status: HunterStatus.STATUS_HEALTHY,
      stats: null,
    });
  }

  /** Takes a report; one of an unregistered hunter changes nothing. */
  report(heartbeat: HunterHeartbeat): void {
    const record = this.#records.get(heartbeat.hunter_id);
    if (record === undefined) return;
    record.seenAt = this.#now();
    record.status = heartbeat.status;
    record.stats = heartbeat.stats;
  }

  /** Hunters by what clients are shown of their status. */
  countByStatus(): Record<HunterStatusName, number> {
    this.#forget();
    const counts = { healthy: 0, warning: 0, error: 0, stopping: 0 };
    for (const record of this.#records.values()) {
      const name = hunterStatusNames[this.#shownStatus(record)];
      // A number that the contract does not name says nothing good.
      counts[name ?? "error"] += 1;
    }
    return counts;
  }

  /** A batch of the hunter came. */
  seen(id: string): void {
    const record = this.#records.get(id);
    if (record !== undefined) record.seenAt = this.#now();
  }

  /** What the hunter can do; undefined when it did not register, or did not say. */
  capabilitiesOf(id: string): HunterCapabilities | undefined {
    return this.#records.get(id)?.registration.capabilities ?? undefined;
  }

  /** The hunters as clients are shown them. */
  list(filtersOf: (id: string) => readonly Filter[]): ConnectedHunter[] {
    this.#forget();
    const now = this.#now();
    return [...this.#records.values()].map((record) => {
      const { hunter_id, hostname, interfaces, capabilities } = record.registration;
      return {
        hunter_id,
        hostname,
        remote_addr: record.remoteAddress,
        status: this.#shownStatus(record),
        connected_duration_sec: BigInt(Math.floor((now - record.registeredAt) / 1000)),
        last_heartbeat_ns: nowNs() - BigInt(Math.round(now - record.seenAt)) * 1_000_000n,
        stats: record.stats,
        filters: filtersOf(hunter_id).map(filterMessage),
        interfaces,
        capabilities,
      };
    });
  }

  /** STATUS_ERROR for a hunter that has fallen silent without saying goodbye. */
  #shownStatus({ seenAt, status }: HunterRecord): HunterStatus {
    const silent = this.#now() - seenAt > silentMs && status !== HunterStatus.STATUS_STOPPING;
    return silent ? HunterStatus.STATUS_ERROR : status;
  }

  #forget(): void {
    const oldest = this.#now() - forgottenMs;
    for (const [id, record] of this.#records) {
      if (record.seenAt < oldest) this.#records.delete(id);
    }
  }

  /** Forgets a hunter that has said goodbye, or has said nothing but its name; false when there is none. */
  #makeRoom(): boolean {
    const oldest = this.#now() - mutedMs;
    for (const [id, record] of this.#records) {
      const muted = record.seenAt === record.registeredAt && record.registeredAt < oldest;
      if (muted || record.status === HunterStatus.STATUS_STOPPING) return this.#records.delete(id);
    }
    return false;
  }
}
