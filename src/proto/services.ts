import { logVerbosity, type MethodDefinition, setLogVerbosity } from "@grpc/grpc-js";
import { batchMessage, type Codec, codecOf, encodedBatch, root } from "./contract.ts";
import type * as data from "./data_messages.ts";
import type * as management from "./management_messages.ts";

// What goes wrong comes as an error, and is told once; grpc-js would print lines of its own besides.
setLogVerbosity(logVerbosity.NONE);

const namesOf = { data: "lippycat.data.DataService", management: "lippycat.management.ManagementService" };

const subscribeRequest = codecOf<data.SubscribeRequest>("lippycat.data.SubscribeRequest");

/** The methods of `lippycat.data.DataService`. Batches are encoded bytes on both sides. */
export const dataService = {
  StreamPackets: method(
    "data",
    "StreamPackets",
    batchMessage,
    codecOf<data.StreamControl>("lippycat.data.StreamControl"),
  ),
  SubscribePackets: method("data", "SubscribePackets", subscribeRequest, encodedBatch),
  SubscribeCorrelatedCalls: method(
    "data",
    "SubscribeCorrelatedCalls",
    subscribeRequest,
    codecOf<data.CorrelatedCallUpdate>("lippycat.data.CorrelatedCallUpdate"),
  ),
};

/** The methods of `lippycat.management.ManagementService`. */
export const managementService = {
  RegisterHunter: managed<management.HunterRegistration, management.RegistrationResponse>("RegisterHunter"),
  RegisterProcessor: managed<management.ProcessorRegistration, management.ProcessorRegistrationResponse>(
    "RegisterProcessor",
  ),
  Heartbeat: managed<management.HunterHeartbeat, management.ProcessorHeartbeat>("Heartbeat"),
  GetFilters: managed<management.FilterRequest, management.FilterResponse>("GetFilters"),
  SubscribeFilters: managed<management.FilterRequest, management.FilterUpdate>("SubscribeFilters"),
  GetHunterStatus: managed<management.StatusRequest, management.StatusResponse>("GetHunterStatus"),
  UpdateFilter: managed<management.Filter, management.FilterUpdateResult>("UpdateFilter"),
  DeleteFilter: managed<management.FilterDeleteRequest, management.FilterUpdateResult>("DeleteFilter"),
  ListAvailableHunters: managed<management.ListHuntersRequest, management.ListHuntersResponse>(
    "ListAvailableHunters",
  ),
  GetTopology: managed<management.TopologyRequest, management.TopologyResponse>("GetTopology"),
  SubscribeTopology: managed<management.TopologySubscribeRequest, management.TopologyUpdate>(
    "SubscribeTopology",
  ),
  UpdateFilterOnProcessor: managed<management.ProcessorFilterRequest, management.FilterUpdateResult>(
    "UpdateFilterOnProcessor",
  ),
  DeleteFilterOnProcessor: managed<management.ProcessorFilterDeleteRequest, management.FilterUpdateResult>(
    "DeleteFilterOnProcessor",
  ),
  GetFiltersFromProcessor: managed<management.ProcessorFilterQuery, management.FilterResponse>(
    "GetFiltersFromProcessor",
  ),
  RequestAuthToken: managed<management.AuthTokenRequest, management.AuthorizationToken>("RequestAuthToken"),
};

/** A management method; its message types are those that the contract names. */
function managed<Request, Response>(name: string): MethodDefinition<Request, Response> {
  const { requestType, responseType } = methodOf("management", name);
  const message = (type: string) => `lippycat.management.${type}`;
  return method(
    "management",
    name,
    codecOf<Request>(message(requestType)),
    codecOf<Response>(message(responseType)),
  );
}

function method<Request, Response>(
  service: keyof typeof namesOf,
  name: string,
  request: Codec<Request>,
  response: Codec<Response>,
): MethodDefinition<Request, Response> {
  const { requestStream, responseStream } = methodOf(service, name);
  return {
    path: `/${namesOf[service]}/${name}`,
    originalName: name,
    requestStream: requestStream === true,
    responseStream: responseStream === true,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: response.encode,
    responseDeserialize: response.decode,
  };
}

function methodOf(service: keyof typeof namesOf, name: string) {
  const found = root.lookupService(namesOf[service]).methods[name];
  if (found === undefined) throw new Error(`the contract has no method ${name}`);
  return found;
}
