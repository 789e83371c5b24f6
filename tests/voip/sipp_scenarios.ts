/**
 * Scenarios for SIPp, in pairs: what the caller does, and what the callee does. The caller's users are columns of the
 * injection file: 0 calls, 1 is called.
 *
 * @module
 */

/** Both sides of a scenario, as SIPp's XML. */
export interface ScenarioPair {
  readonly caller: string;
  readonly callee: string;
}

/** Files with RTP for `play_pcap_audio`, as SIPp is to find them. */
export interface MediaFiles {
  /** What the caller says. */
  readonly caller: string;
  /** What the callee says. */
  readonly callee: string;
  /** How long both last, ms. */
  readonly milliseconds: number;
}

/** A session description. */
interface Sdp {
  readonly direction?: "sendrecv" | "sendonly" | "recvonly" | "inactive";
  /** Added to the media port, so that a later description moves it. */
  readonly offset?: number;
  readonly video?: boolean;
  /** Attributes that make the message longer than a packet of the line. */
  readonly padding?: number;
}

function sdp({ direction = "sendrecv", offset = 0, video = false, padding = 0 }: Sdp): string[] {
  const port = (more: number) => `[auto_media_port${more === 0 ? "" : `+${more}`}]`;
  return [
    "v=0",
    "o=- [call_number] 1 IN IP[media_ip_type] [media_ip]",
    "s=-",
    "c=IN IP[media_ip_type] [media_ip]",
    "t=0 0",
    `m=audio ${port(offset)} RTP/AVP 0 101`,
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    `a=${direction}`,
    ...Array.from({ length: padding }, (_, at) => `a=x-padding:${String(at).padStart(40, "0")}`),
    ...video ? [`m=video ${port(offset + 2)} RTP/AVP 96`, "a=rtpmap:96 VP8/90000"] : [],
  ];
}

interface Message {
  /** Header fields besides those that every message has. */
  readonly more?: readonly string[];
  readonly sdp?: Sdp;
  readonly text?: string;
}

function send(
  head: readonly string[],
  { more = [], sdp: description, text }: Message,
  repeats: boolean,
): string {
  const body = description !== undefined ? sdp(description) : text === undefined ? [] : [text];
  const type = description !== undefined ? "application/sdp" : "text/plain";
  const lines = [
    ...head,
    ...more,
    ...body.length > 0 ? [`Content-Type: ${type}`, "Content-Length: [len]", "", ...body] : [
      "Content-Length: 0",
      "",
    ],
  ];
  const indented = lines.map((line) => `      ${line}`).join("\n");
  return `  <send${repeats ? ' retrans="500"' : ""}>\n    <![CDATA[\n\n${indented}\n\n    ]]>\n  </send>`;
}

/** A request of the caller's. */
interface Request extends Message {
  readonly cseq: number;
  /** Outside of a dialog, so without the callee's tag. */
  readonly first?: boolean;
  /** Of the transaction of the last response: its Via again. */
  readonly sameTransaction?: boolean;
  /** Request-URI; else that of the user who is called. */
  readonly uri?: string;
}

function request(method: string, { cseq, first, sameTransaction, uri, ...message }: Request): string {
  return send(
    [
      `${method} ${uri ?? "sip:[field1]@[remote_ip]:[remote_port]"} SIP/2.0`,
      sameTransaction === true
        ? "[last_Via:]"
        : "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
      "From: <sip:[field0]@example.com>;tag=[pid]-[call_number]",
      `To: <sip:[field1]@example.com>${first === true ? "" : "[peer_tag_param]"}`,
      "Call-ID: [call_id]",
      `CSeq: ${cseq} ${method}`,
      "Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>",
      "Max-Forwards: 70",
      "User-Agent: Fixture",
    ],
    message,
    method !== "ACK",
  );
}

/** A response of the callee's to what it received last. */
interface Response extends Message {
  /** The callee's tag; none where the response is to a request within a dialog. */
  readonly tag?: string;
  readonly repeats?: boolean;
}

function response(line: string, { tag, repeats = false, ...message }: Response = {}): string {
  return send(
    [
      `SIP/2.0 ${line}`,
      "[last_Via:]",
      "[last_From:]",
      `[last_To:]${tag === undefined ? "" : `;tag=${tag}-[pid]-[call_number]`}`,
      "[last_Call-ID:]",
      "[last_CSeq:]",
      "Contact: <sip:[local_ip]:[local_port];transport=[transport]>",
      "Server: Fixture",
    ],
    message,
    repeats,
  );
}

const expect = (status: number) => `  <recv response="${status}"/>`;
const mayCome = (status: number) => `  <recv response="${status}" optional="true"/>`;
const awaitRequest = (method: string) => `  <recv request="${method}"/>`;
const play = (path: string, kind = "audio") =>
  `  <nop><action><exec play_pcap_${kind}="${path}"/></action></nop>`;
const pause = (milliseconds: number) => `  <pause milliseconds="${milliseconds}"/>`;
/** Responses that are lost are repeated. */
const linger = '  <timewait milliseconds="1000"/>';

function scenario(name: string, steps: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="${name}">\n${
    steps.join("\n")
  }\n</scenario>\n`;
}

function pair(name: string, caller: readonly string[], callee: readonly string[]): ScenarioPair {
  return { caller: scenario(name, caller), callee: scenario(name, [...callee, linger]) };
}

const losing = (xml: string) => xml.replaceAll("<send retrans", '<send lost="15" retrans');

const invite = (message: Partial<Request> = {}) =>
  request("INVITE", { cseq: 1, first: true, sdp: {}, ...message });
const ack = (cseq = 1, message: Message = {}) => request("ACK", { cseq, ...message });
/** The ACK of a final response that is no success belongs to the INVITE's transaction (RFC 3261 section 17.1.1.3). */
const ackFailure = (cseq = 1) => request("ACK", { cseq, sameTransaction: true });
const bye = (cseq: number) => [request("BYE", { cseq }), expect(200)];
const answerBye = [awaitRequest("BYE"), response("200 OK")];
const trying = response("100 Trying");
const ringing = response("180 Ringing", { tag: "b" });
const answer = (message: Response = {}) =>
  response("200 OK", { tag: "b", repeats: true, sdp: {}, ...message });
const accepted = [mayCome(100), mayCome(180), expect(200)];

/** All of them by name, each a {@link ScenarioPair}. */
export function scenarios({ caller, callee, milliseconds }: MediaFiles) {
  const talk = [play(caller), pause(milliseconds)];
  const listen = [play(callee)];
  const called = [awaitRequest("INVITE"), trying, ringing, answer(), awaitRequest("ACK"), ...listen];
  const basic = pair("basic", [invite(), ...accepted, ack(), ...talk, ...bye(2)], [...called, ...answerBye]);
  return {
    basic,
    // Both sides lose some of the messages that they repeat, before they send them.
    lossy: { caller: losing(basic.caller), callee: losing(basic.callee) },
    // SIP only: as many calls as possible.
    brief: pair("brief", [invite(), ...accepted, ack(), ...bye(2)], [
      ...[awaitRequest("INVITE"), trying, ringing, answer(), awaitRequest("ACK")],
      ...answerBye,
    ]),
    // Longer than an Ethernet frame.
    large: pair("large", [invite({ sdp: { padding: 50 } }), ...accepted, ack(), ...talk, ...bye(2)], [
      ...[awaitRequest("INVITE"), trying, ringing, answer({ sdp: { padding: 40 } }), awaitRequest("ACK")],
      ...[...listen, ...answerBye],
    ]),
    challenge: pair("challenge", [
      invite(),
      '  <recv response="407" auth="true"/>',
      ackFailure(),
      invite({ cseq: 2, more: ["[authentication username=fixture password=secret]"] }),
      ...accepted,
      ...[ack(2), ...talk, ...bye(3)],
    ], [
      awaitRequest("INVITE"),
      response("407 Proxy Authentication Required", {
        tag: "p",
        repeats: true,
        more: ['Proxy-Authenticate: Digest realm="example.com", nonce="6d79206e6f6e6365", algorithm=MD5'],
      }),
      awaitRequest("ACK"),
      ...[...called, ...answerBye],
    ]),
    cancel: pair("cancel", [
      ...[invite(), mayCome(100), expect(180)],
      request("CANCEL", { cseq: 1, first: true, sameTransaction: true }),
      ...[expect(200), expect(487), ackFailure()],
    ], [
      ...[awaitRequest("INVITE"), trying, ringing],
      '  <recv request="CANCEL"/>',
      response("200 OK", { tag: "b" }),
      send(
        [
          "SIP/2.0 487 Request Terminated",
          "[last_Via:]",
          "[last_From:]",
          "[last_To:];tag=b-[pid]-[call_number]",
          "[last_Call-ID:]",
          "CSeq: 1 INVITE",
        ],
        {},
        true,
      ),
      awaitRequest("ACK"),
    ]),
    busy: pair("busy", [invite(), mayCome(100), expect(486), ackFailure()], [
      ...[awaitRequest("INVITE"), trying, response("486 Busy Here", { tag: "b", repeats: true })],
      awaitRequest("ACK"),
    ]),
    declined: pair("declined", [invite(), mayCome(100), expect(603), ackFailure()], [
      ...[awaitRequest("INVITE"), trying, response("603 Decline", { tag: "b", repeats: true })],
      awaitRequest("ACK"),
    ]),
    // Held, then taken up again at another port.
    hold: pair("hold", [
      ...[invite(), ...accepted, ack(), ...talk],
      invite({ cseq: 2, first: false, sdp: { direction: "sendonly" } }),
      ...[mayCome(100), expect(200), ack(2), pause(100)],
      invite({ cseq: 3, first: false, sdp: { offset: 2 } }),
      ...[mayCome(100), expect(200), ack(3), ...talk, ...bye(4)],
    ], [
      ...called,
      awaitRequest("INVITE"),
      response("200 OK", { repeats: true, sdp: { direction: "recvonly" } }),
      ...[awaitRequest("ACK"), awaitRequest("INVITE")],
      response("200 OK", { repeats: true, sdp: { offset: 2 } }),
      ...[awaitRequest("ACK"), ...listen, ...answerBye],
    ]),
    // Media before the answer, its description acknowledged (RFC 3262).
    early: pair("early", [
      invite({ more: ["Supported: 100rel"] }),
      ...[mayCome(100), expect(183)],
      request("PRACK", { cseq: 2, more: ["RAck: 1 1 INVITE"] }),
      expect(200),
      pause(milliseconds),
      ...[expect(200), ack(), ...talk, ...bye(3)],
    ], [
      `  <recv request="INVITE"><action>
    <ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>
  </action></recv>`,
      response("183 Session Progress", {
        tag: "b",
        sdp: {},
        more: ["Require: 100rel", "RSeq: 1"],
        repeats: true,
      }),
      ...[awaitRequest("PRACK"), response("200 OK"), ...listen, pause(milliseconds)],
      send(
        [
          "SIP/2.0 200 OK",
          "Via: [$via]",
          "[last_From:]",
          "[last_To:]",
          "[last_Call-ID:]",
          "CSeq: 1 INVITE",
          "Contact: <sip:[local_ip]:[local_port];transport=[transport]>",
        ],
        {},
        true,
      ),
      ...[awaitRequest("ACK"), ...answerBye],
    ]),
    update: pair("update", [
      ...[invite(), ...accepted, ack(), ...talk],
      request("UPDATE", { cseq: 2, sdp: { offset: 2 } }),
      ...[expect(200), ...talk, ...bye(3)],
    ], [
      ...called,
      ...[awaitRequest("UPDATE"), response("200 OK", { sdp: { offset: 2 } }), ...listen, ...answerBye],
    ]),
    video: pair("video", [
      ...[invite({ sdp: { video: true } }), ...accepted, ack()],
      // One after the other: a call plays one file at a time.
      ...[play(caller, "video"), pause(milliseconds), ...talk, ...bye(2)],
    ], [
      ...[awaitRequest("INVITE"), trying, ringing, answer({ sdp: { video: true } }), awaitRequest("ACK")],
      ...[play(callee, "video"), pause(milliseconds), ...listen, ...answerBye],
    ]),
    // The offer is in the answer, and the answer in the ACK (RFC 3264).
    late: pair("late", [
      ...[invite({ sdp: undefined }), ...accepted, ack(1, { sdp: {} }), ...talk, ...bye(2)],
    ], [...called, ...answerBye]),
    // Two of the callee's devices ring; the second one answers.
    fork: pair("fork", [
      ...[invite(), mayCome(100), expect(180), expect(183), expect(200), ack(), ...talk, ...bye(2)],
    ], [
      ...[awaitRequest("INVITE"), trying, ringing],
      response("183 Session Progress", { tag: "c", sdp: {} }),
      ...[answer({ tag: "c" }), awaitRequest("ACK"), ...listen, ...answerBye],
    ]),
    message: pair("message", [
      request("MESSAGE", { cseq: 1, first: true, text: "Watson, come here." }),
      expect(200),
    ], [awaitRequest("MESSAGE"), response("200 OK", { tag: "b" })]),
    register: pair("register", [
      request("REGISTER", { cseq: 1, first: true, uri: "sip:example.com" }),
      '  <recv response="401" auth="true"/>',
      request("REGISTER", {
        cseq: 2,
        first: true,
        uri: "sip:example.com",
        more: ["[authentication username=fixture password=secret]"],
      }),
      expect(200),
    ], [
      awaitRequest("REGISTER"),
      response("401 Unauthorized", {
        tag: "r",
        more: ['WWW-Authenticate: Digest realm="example.com", nonce="6d79206e6f6e6365", algorithm=MD5'],
      }),
      ...[awaitRequest("REGISTER"), response("200 OK", { tag: "r" })],
    ]),
    options: pair("options", [request("OPTIONS", { cseq: 1, first: true }), expect(200)], [
      ...[awaitRequest("OPTIONS"), response("200 OK", { tag: "b" })],
    ]),
  };
}
