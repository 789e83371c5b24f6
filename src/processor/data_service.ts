import type { ServerDuplexStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import { Wake } from "../delivery/wake.ts";
import { FlowControl, type StreamControl } from "../proto/data_messages.ts";
import { runIdKey } from "../proto/packet_batch.ts";
import { logger } from "../telemetry/log.ts";
import type { HunterRegistry } from "./hunter_registry.ts";
import type { PacketIntake } from "./packet_intake.ts";
import type { PacketSubscribers } from "./packet_subscribers.ts";
import { notOffered, type StatusError, statusErrorFrom } from "./status_error.ts";

type PacketCall = ServerDuplexStream<Uint8Array, StreamControl>;

const log = logger("processor");

/** `lippycat.data.DataService`. */
export class DataService {
  readonly #intake: PacketIntake;
  readonly #hunters: HunterRegistry;
  readonly #subscribers: PacketSubscribers;
  readonly #streams = new Set<PacketCall>();
  /** Streams opened so far. */
  #opened = 0;

  /** Serves nothing by itself; batches of registered hunters go to `intake`. */
  constructor(intake: PacketIntake, hunters: HunterRegistry, subscribers: PacketSubscribers) {
    this.#intake = intake;
    this.#hunters = hunters;
    this.#subscribers = subscribers;
  }

  /** For the server. */
  get implementation(): UntypedServiceImplementation {
    return {
      StreamPackets: (call: PacketCall) => void this.#receive(call),
      SubscribePackets: (call: Parameters<PacketSubscribers["add"]>[0]) => {
        try {
          this.#subscribers.add(call);
        } catch (error) {
          call.emit("error", statusErrorFrom(error));
        }
      },
      SubscribeCorrelatedCalls: notOffered("this processor does not correlate calls"),
    };
  }

  /** Ends all streams: what was not acknowledged comes again, here or elsewhere. */
  close(failure: StatusError): void {
    for (const call of this.#streams) call.emit("error", failure);
    this.#subscribers.close();
  }

  /** One batch after the other: the next is read when the sinks have taken the last. */
  async #receive(call: PacketCall): Promise<void> {
    const [run] = call.metadata.get(runIdKey);
    const runId = run === undefined ? undefined : String(run);
    this.#streams.add(call);
    const stream = this.#opened += 1;
    let hunterId: string | undefined;
    const gone = () => call.cancelled || call.destroyed || call.writableEnded;
    const writable = new Wake();
    call.on("drain", () => writable.wake());
    call.on("close", () => writable.wake());
    try {
      // Leaving the loop must not destroy the stream: its status is still to be sent.
      for await (const batch of call.iterator({ destroyOnReturn: false })) {
        const key = await this.#intake.receive(batch, runId, stream);
        if (hunterId === undefined) log.debug(`hunter ${key.hunterId} at ${call.getPeer()} sends packets`);
        hunterId = key.hunterId;
        this.#hunters.seen(hunterId);
        if (gone()) return;
        call.write({ ack_sequence: key.sequence, flow_control: FlowControl.FLOW_CONTINUE, error: "" });
        // A hunter that does not read its acknowledgements is not read, either.
        while (call.writableNeedDrain && !gone()) await writable.wait();
      }
      call.end();
    } catch (error) {
      // A stream that was cut off ends the loop with an error of its own.
      if (!call.cancelled && !call.destroyed && !call.writableEnded) {
        call.emit("error", statusErrorFrom(error));
      }
    } finally {
      this.#streams.delete(call);
      log.debug(`the packet stream of hunter ${hunterId ?? "(unknown)"} ended`);
    }
  }
}
