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

/**
 * A row for each call, `width` characters wide at most. Loss is that of all streams together; jitter and MOS are those
 * of the worst one.
 */
export function callTable(calls: readonly CallReport[], width: number): string[] {
  return textTable(columns, calls, width);
}
