import { X509Certificate } from "node:crypto";
import {
  type ServerDuplexStream,
  type ServerUnaryCall,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { nowNs } from "../delivery/batch.ts";
import { certificateFigures, validityProblem } from "../proto/certificate_validity.ts";
import { filterMessage, filterOf } from "../proto/filter_message.ts";
import type * as messages from "../proto/management_messages.ts";
import { type Filter, filterTypeNames } from "../engine/filter.ts";
import { messageOf, OperatorError } from "../runtime/operator_error.ts";
import { logger } from "../telemetry/log.ts";
import { RareWarning } from "../telemetry/rare_warning.ts";
import { type FilterCall, FilterFeed } from "./filter_feed.ts";
import type { FilterStore } from "./filter_store.ts";
import { filterProblem } from "./filter_validation.ts";
import type { HunterRegistry } from "./hunter_registry.ts";
import type { NodeStatus } from "./node_status.ts";
import { notOffered, StatusError, unary } from "./status_error.ts";

type HeartbeatCall = ServerDuplexStream<messages.HunterHeartbeat, messages.ProcessorHeartbeat>;

type RegistrationCall = ServerUnaryCall<messages.HunterRegistration, messages.RegistrationResponse>;

/** No wish at all: hunters know best how they want to send. */
const wishes = { batch_size: 0, batch_timeout_ms: 0, reconnect_interval_sec: 0, max_reconnect_attempts: 0 };

const noHierarchy = notOffered("this processor has no other processors below it");
const log = logger("processor");

/** `lippycat.management.ManagementService`. */
export class ManagementService {
  readonly #hunters: HunterRegistry;
  readonly #filters: FilterStore;
  readonly #node: NodeStatus;
  /** Writes a change of filters where it survives a restart; throws OperatorError when it cannot. */
  readonly #persist: (id: string, filter: Filter | undefined) => void;
  readonly #feeds = new Set<FilterFeed>();
  /** Anybody can cause refusals, at any rate. */
  readonly #refused = new RareWarning(log);
  /** Hunters that the change under way was sent to. */
  readonly #told = new Set<string>();
  readonly #streams = new Set<{ emit(event: "error", error: StatusError): unknown }>();

  /** Tells hunters each change of `filters` from now on; `persist` makes one survive a restart, or throws. */
  constructor(
    hunters: HunterRegistry,
    filters: FilterStore,
    node: NodeStatus,
    persist: (id: string, filter: Filter | undefined) => void,
  ) {
    this.#hunters = hunters;
    this.#filters = filters;
    this.#node = node;
    this.#persist = persist;
    filters.onChange(() => this.#feed());
  }

  /** For the server. */
  get implementation(): UntypedServiceImplementation {
    return {
      RegisterHunter: unary<messages.HunterRegistration, messages.RegistrationResponse>((request, call) =>
        this.#register(request, call)
      ),
      RegisterProcessor: notOffered("this processor takes no other processors below it"),
      Heartbeat: (call: HeartbeatCall) => this.#heartbeat(call),
      GetFilters: unary<messages.FilterRequest, messages.FilterResponse>(({ hunter_id }) => ({
        filters: (hunter_id === "" ? this.#filters.all() : this.#filters.forHunter(hunter_id)).map(
          filterMessage,
        ),
      })),
      SubscribeFilters: (call: FilterCall) => this.#subscribe(call),
      GetHunterStatus: unary<messages.StatusRequest, messages.StatusResponse>(({ hunter_id }) => ({
        hunters: this.#node.hunters().filter((hunter) => hunter_id === "" || hunter.hunter_id === hunter_id),
        processor_stats: this.#node.stats(),
      })),
      UpdateFilter: unary<messages.Filter, messages.FilterUpdateResult>((request) => this.#update(request)),
      DeleteFilter: unary<messages.FilterDeleteRequest, messages.FilterUpdateResult>((request) =>
        this.#delete(request.filter_id)
      ),
      ListAvailableHunters: unary<messages.ListHuntersRequest, messages.ListHuntersResponse>(() => ({
        hunters: this.#node.hunters(),
      })),
      GetTopology: unary<messages.TopologyRequest, messages.TopologyResponse>(() => ({
        processor: this.#node.topology(),
      })),
      SubscribeTopology: notOffered(
        "this processor does not report changes of the topology: ask GetTopology again",
      ),
      UpdateFilterOnProcessor: noHierarchy,
      DeleteFilterOnProcessor: noHierarchy,
      GetFiltersFromProcessor: noHierarchy,
      RequestAuthToken: notOffered("this processor issues no tokens"),
    };
  }

  /** Ends all streams. */
  close(failure: StatusError): void {
    for (const call of this.#streams) call.emit("error", failure);
  }

  #register(request: messages.HunterRegistration, call: RegistrationCall): messages.RegistrationResponse {
    const peer = call.getPeer();
    try {
      this.#hunters.register(request, peer);
    } catch (error) {
      this.#refused.warn(
        `hunter ${request.hunter_id.slice(0, 255)} at ${peer} is refused: ${messageOf(error)}`,
        performance.now(),
      );
      throw error;
    }
    log.info(`hunter ${request.hunter_id} at ${peer} registered (version ${request.version || "unknown"})`);
    warnOfCertificate(request.hunter_id, call);
    // It may apply other types than it did before.
    this.#feed();
    return {
      accepted: true,
      error: "",
      assigned_id: request.hunter_id,
      filters: this.#filters.forHunter(request.hunter_id).map(filterMessage),
      config: { ...wishes, processor_id: this.#node.processorId },
    };
  }

  #heartbeat(call: HeartbeatCall): void {
    this.#hold(call);
    call.on("data", (beat: messages.HunterHeartbeat) => {
      this.#hunters.report(beat);
      // A hunter that does not read its answers gets no more of them.
      if (call.writableNeedDrain || call.writableEnded) return;
      call.write({
        timestamp_ns: beat.timestamp_ns,
        status: this.#node.status,
        hunters_connected: this.#hunters.size,
        processor_id: this.#node.processorId,
      });
    });
    call.on("end", () => call.end());
  }

  #subscribe(call: FilterCall): void {
    this.#hold(call);
    const feed = new FilterFeed(call, this.#filters);
    this.#feeds.add(feed);
    call.once("close", () => this.#feeds.delete(feed));
  }

  #hold(call: HeartbeatCall | FilterCall): void {
    this.#streams.add(call);
    call.once("close", () => this.#streams.delete(call));
  }

  #update(request: messages.Filter): messages.FilterUpdateResult {
    const filter = filterOf({ ...request, id: request.id || `filter-${nowNs()}` });
    if (filter === undefined) {
      throw new StatusError(
        status.INVALID_ARGUMENT,
        `filter type ${request.type} is unknown: the types are 0 to ${filterTypeNames.length - 1}`,
      );
    }
    const problem = filterProblem(filter);
    if (problem !== undefined) throw new StatusError(status.INVALID_ARGUMENT, problem);
    return this.#change(filter.id, filter, () => this.#filters.put(filter));
  }

  #delete(id: string): messages.FilterUpdateResult {
    if (this.#filters.get(id) === undefined) {
      throw new StatusError(status.NOT_FOUND, `there is no filter ${id}`);
    }
    return this.#change(id, undefined, () => this.#filters.delete(id));
  }

  #change(id: string, filter: Filter | undefined, apply: () => void): messages.FilterUpdateResult {
    this.#told.clear();
    apply();
    try {
      this.#persist(id, filter);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      log.warn(`the change of filter ${id} holds until the next restart only: ${messageOf(error)}`);
    }
    return { success: true, error: "", hunters_updated: this.#told.size };
  }

  #feed(): void {
    for (const feed of this.#feeds) {
      if (feed.update()) this.#told.add(feed.hunterId);
    }
  }
}

/** Says when the certificate that a hunter connected with ends soon. */
function warnOfCertificate(hunterId: string, call: RegistrationCall): void {
  const certificate = call.getAuthContext().sslPeerCertificate?.raw;
  if (certificate === undefined) return;
  const figures = certificateFigures(new X509Certificate(certificate), "peer");
  const problem = validityProblem(figures, Date.now());
  if (problem !== undefined) log.warn(`the certificate ${figures.subject} of hunter ${hunterId} ${problem}`);
}
