import type { CallMessage, CallReport } from "../../engine/call_report.ts";
import { printable } from "../printable_text.ts";
import { calleeText, callerText, shortened, stateText } from "./call_figures.ts";

/** Room for the time, characters. */
const TIME_ROOM = 9;
/** Between two endpoints, characters: so far that they are not lost sight of, and so near that an arrow has room for words. */
const WIDEST = 40, NARROWEST = 14;

/** How endpoints are laid out. */
interface Layout {
  readonly endpoints: readonly string[];
  /** Column of each endpoint's line. */
  readonly places: readonly number[];
  /** Room for an endpoint's name, characters. */
  readonly labelRoom: number;
}

/**
 * The messages of a call as arrows between its endpoints, with seconds since the first one, `width` characters wide at
 * most. Where the endpoints do not fit side by side, each message is a line with both of them.
 */
export function callLadder(call: CallReport, width: number): string[] {
  const title = `${printable(call.call_id)}  ${callerText(call)} -> ${calleeText(call)}  ${stateText(call)}`;
  const messages = call.messages.map((message) => ({
    ...message,
    source: printable(message.source),
    destination: printable(message.destination),
    text: printable(message.sdp === true ? `${message.text} (SDP)` : message.text),
  }));
  const endpoints = [...new Set(messages.flatMap(({ source, destination }) => [source, destination]))];
  const layout = layoutOf(endpoints, width);
  const start = timeMs(messages[0]);
  const time = (message: CallMessage) => ((timeMs(message) - start) / 1000).toFixed(3).padStart(TIME_ROOM);
  const rungs = layout === undefined
    ? messages.map((one) => `${time(one)}  ${one.source} -> ${one.destination}  ${one.text}`)
    : messages.map((one) => (time(one) + rung(one, layout).slice(TIME_ROOM)).trimEnd());
  const omitted = call.messages_omitted ?? 0;
  if (omitted > 0) {
    rungs.splice(
      call.messages_omitted_after ?? rungs.length,
      0,
      `${" ".repeat(TIME_ROOM)}  and ${omitted} more`,
    );
  }
  const lines = layout === undefined ? rungs : [heading(layout), ...rungs];
  const leg = call.correlation_id === undefined || call.correlation_id === call.call_id
    ? []
    : [`${" ".repeat(TIME_ROOM)}  leg of ${printable(call.correlation_id)}`];
  return [title, ...leg, ...lines].map((line) => shortened(line, width));
}

function timeMs(message: CallMessage | undefined): number {
  return message === undefined ? 0 : Date.parse(message.time);
}

/** Undefined where they do not fit, or there is no other end. */
function layoutOf(endpoints: readonly string[], width: number): Layout | undefined {
  if (endpoints.length < 2) return undefined;
  const longest = Math.max(...endpoints.map((endpoint) => endpoint.length));
  for (let distance = WIDEST; distance >= NARROWEST; distance--) {
    const labelRoom = Math.min(longest, distance - 2);
    const first = TIME_ROOM + 2 + Math.floor(labelRoom / 2);
    const last = first + distance * (endpoints.length - 1);
    if (last + Math.ceil(labelRoom / 2) > width) continue;
    return { endpoints, places: endpoints.map((_, at) => first + distance * at), labelRoom };
  }
  return undefined;
}

/** The endpoints' names, each in the middle over its line. */
function heading({ endpoints, places, labelRoom }: Layout): string {
  let line = "";
  for (const [at, endpoint] of endpoints.entries()) {
    const label = shortened(endpoint, labelRoom);
    line = line.padEnd((places[at] ?? 0) - Math.floor(label.length / 2)) + label;
  }
  return line;
}

/** The endpoints' lines, and an arrow with its text from one to another. */
function rung({ source, destination, text }: CallMessage, { endpoints, places }: Layout): string {
  const line = [...endpoints.keys()].reduce((made, at) => made.padEnd(places[at] ?? 0) + "|", "");
  const [from, to] = [source, destination].map((one) => places[endpoints.indexOf(one)] ?? 0) as [
    number,
    number,
  ];
  if (from === to) return besideItsLine(line, from, `${text} (to itself)`, places);
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const shaft = right - left - 2;
  const words = shortened(` ${text} `, shaft);
  const before = Math.floor((shaft - words.length) / 2);
  const middle = "-".repeat(before) + words + "-".repeat(shaft - before - words.length);
  const arrow = from < to ? `${middle}>` : `<${middle}`;
  return line.slice(0, left + 1) + arrow + line.slice(right);
}

/** What an endpoint sent to itself, between its line and the next one, or the one before where it is the last. */
function besideItsLine(line: string, place: number, text: string, places: readonly number[]): string {
  const words = shortened(text, (places[1] ?? 0) - (places[0] ?? 0) - 3);
  const start = place === places.at(-1) ? place - 1 - words.length : place + 2;
  return line.slice(0, start).padEnd(start) + words + line.slice(start + words.length);
}
