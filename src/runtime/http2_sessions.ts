/**
 * Mends node:http2 for gRPC: the receive window of servers, and servers that complain of pings, are out of grpc-js's
 * reach. And works around a fault of Deno's (seen with 2.9.6): a session that is destroyed while the bytes that it
 * received are being worked through is freed under the feet of the native code, and the process aborts. It happens
 * whenever a peer closes an idle connection properly, with GOAWAY. Here such a session is destroyed right after.
 *
 * Imported by whatever makes gRPC servers and channels.
 *
 * @module
 */
import http2 from "node:http2";

type Session = http2.Http2Session;

/**
 * Bytes that a connection to a server here, and each stream on it, may send ahead of being read: enough for a fast,
 * distant sender. grpc-js has an option for it that only its clients heed.
 */
const receiveWindowBytes = 4 * 1_048_576;

/** Makes `session` wait with its destruction until its socket's data event is over. */
function guard(session: Session): void {
  const destroy = session.destroy.bind(session);
  let receiving = false;
  session.socket.prependListener("data", () => receiving = true);
  session.socket.on("data", () => receiving = false);
  session.destroy = (...reason: Parameters<Session["destroy"]>) => {
    if (receiving) setImmediate(destroy, ...reason);
    else destroy(...reason);
  };
}

let pingComplaints = 0;

/** How often a server has closed a session of this process because of too many pings. */
export function countPingComplaints(): number {
  return pingComplaints;
}

/** gRPC's name for them, in the debug data of a GOAWAY with ENHANCE_YOUR_CALM. */
function listenForComplaints(session: Session): void {
  session.once("goaway", (code, _lastStream, data) => {
    const complains = code === http2.constants.NGHTTP2_ENHANCE_YOUR_CALM &&
      new TextDecoder().decode(data) === "too_many_pings";
    if (complains) pingComplaints += 1;
  });
}

type Listener = (...event: never[]) => void;
type Create = (
  options?: http2.ServerOptions | Listener,
  ...listeners: Listener[]
) => { on(event: "session", listener: (session: Session) => void): unknown };
type Connect = (
  ...options: never[]
) => Session;

const module = http2 as unknown as { createServer: Create; createSecureServer: Create; connect: Connect };
const { createServer, createSecureServer, connect } = module;
const guardingServer = (create: Create): Create => (first = {}, ...rest) => {
  const [options, listeners] = typeof first === "function" ? [{}, [first, ...rest]] : [first, rest];
  const { settings } = options;
  const server = create(
    { ...options, settings: { initialWindowSize: receiveWindowBytes, ...settings } },
    ...listeners,
  );
  server.on("session", (session) => {
    guard(session);
    session.setLocalWindowSize(receiveWindowBytes);
  });
  return server;
};
module.createServer = guardingServer(createServer);
module.createSecureServer = guardingServer(createSecureServer);
module.connect = (...options) => {
  const session = connect(...options);
  session.once("connect", guard);
  // With the first settings, grpc-js takes all listeners away, and sets its own.
  session.once("remoteSettings", () => queueMicrotask(() => listenForComplaints(session)));
  return session;
};
