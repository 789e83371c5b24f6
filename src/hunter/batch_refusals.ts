import { status } from "@grpc/grpc-js";
import type { RpcFailure } from "./rpc_failure.ts";

/** When a batch is given up though no failure proves that it is at fault. */
export interface SuspicionLimits {
  /** Streams that ended over the same oldest batch. */
  readonly times: number;
  /** Time from the first of them to the last, ms. */
  readonly overMs: number;
}

/** An overloaded or restarting processor is over it by then. */
export const defaultSuspicion: SuspicionLimits = { times: 10, overMs: 300_000 };

/** Proofs after which a batch is given up. */
const proofsAllowed = 3;

/** Codes that a processor answers with when it cannot take a batch, but also when it is overloaded or has a fault. */
const suspiciousCodes: readonly status[] = [status.INTERNAL, status.RESOURCE_EXHAUSTED];

/** How gRPC's implementations say that a message is larger than the receiver's limit. */
const tooLarge = /larger than max|message length|exceeds maximum size/i;

/** The same codes, said by grpc-js of a stream that the network, or something in it, has reset: no word of a processor. */
const resetPattern = /^[A-Z_]+: (Received RST_STREAM with code|Bandwidth exhausted or memory limit exceeded)/;

/** Tells batches that a processor will never take from processors that take nothing at the moment. */
export class BatchRefusals {
  readonly #limits: SuspicionLimits;
  #sequence = 0n;
  #proofs = 0;
  #suspicions = 0;
  #suspectedAt = 0;

  /** Suspects no batch yet. */
  constructor(limits: SuspicionLimits) {
    this.#limits = limits;
  }

  /**
   * Notes how a stream ended whose oldest unacknowledged batch was `sequence`.
   * @param nowMs time of a clock that nobody sets
   * @returns whether that batch is to be given up, and to be forgotten here
   */
  refused(sequence: bigint, failure: RpcFailure, nowMs: number): boolean {
    const proof = proves(failure);
    if (!proof && !suspiciousCodes.includes(failure.code) || resetPattern.test(failure.message)) return false;
    if (sequence !== this.#sequence) this.#begin(sequence);
    if (proof) this.#proofs += 1;
    else {
      if (this.#suspicions === 0) this.#suspectedAt = nowMs;
      this.#suspicions += 1;
    }
    const given = this.#proofs >= proofsAllowed ||
      (this.#suspicions >= this.#limits.times && nowMs - this.#suspectedAt >= this.#limits.overMs);
    if (given) this.#begin(0n);
    return given;
  }

  /** Notes that the processor could not be reached: what it did before says little about the batch. */
  unreachable(): void {
    this.#suspicions = 0;
  }

  #begin(sequence: bigint): void {
    this.#sequence = sequence;
    this.#proofs = 0;
    this.#suspicions = 0;
  }
}

/** Whether only the batch can be at fault. */
function proves({ code, message }: RpcFailure): boolean {
  return code === status.INVALID_ARGUMENT || (code === status.RESOURCE_EXHAUSTED && tooLarge.test(message));
}
