import type { CallReport } from "../../engine/call_report.ts";
import { printable } from "../printable_text.ts";
import { type Column, textTable } from "../text_table.ts";
import {
  calleeText,
  callerText,
  codecsText,
  jitterText,
  lossText,
  mosText,
  shortened,
  spanText,
  stateText,
  worstText,
} from "./call_figures.ts";

/** Room for a Call-ID, characters; the first column is cut further where the table is too wide. */
const CALL_ID_ROOM = 40;
/** Room for a user, characters. */
const USER_ROOM = 24;

const columns: readonly Column<CallReport>[] = [
  { name: "Call-ID", text: ({ call_id }) => shortened(printable(call_id), CALL_ID_ROOM), align: "left" },
  { name: "from", text: (call) => shortened(callerText(call), USER_ROOM), align: "left", dropOrder: 1 },
  { name: "to", text: (call) => shortened(calleeText(call), USER_ROOM), align: "left", dropOrder: 2 },
  { name: "state", text: stateText, align: "left" },
  { name: "setup", text: ({ setup_seconds }) => spanText(setup_seconds), align: "right", dropOrder: 7 },
  {
    name: "duration",
    text: ({ duration_seconds }) => spanText(duration_seconds),
    align: "right",
    dropOrder: 4,
  },
  { name: "codecs", text: (call) => shortened(codecsText(call), USER_ROOM), align: "left", dropOrder: 6 },
  { name: "loss", text: lossText, align: "right", dropOrder: 5 },
  { name: "jitter", text: jitterText, align: "right", dropOrder: 8 },
  { name: "MOS", text: mosText, align: "right", dropOrder: 3 },
];

/** What receivers reported. */
const remoteColumns: readonly Column<CallReport>[] = [
  { name: "far loss", text: (call) => worstText(call, "remote_loss_percent"), align: "right", dropOrder: 9 },
  { name: "far jitter", text: (call) => worstText(call, "remote_jitter_ms"), align: "right", dropOrder: 10 },
  { name: "round trip", text: (call) => worstText(call, "round_trip_ms"), align: "right", dropOrder: 11 },
];

/**
 * A row for each call, `width` characters wide at most. Loss is that of all streams together; jitter and MOS are those
 * of the worst one. What receivers reported in RTCP has columns where one of them did.
 */
export function callTable(calls: readonly CallReport[], width: number): string[] {
  const told = remoteColumns.filter(({ text }) => calls.some((call) => text(call) !== "-"));
  return textTable([...columns, ...told], calls, width);
}
