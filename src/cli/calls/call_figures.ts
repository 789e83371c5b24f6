import type { CallReport, CallStream } from "../../engine/call_report.ts";
import { percentText } from "../number_text.ts";
import { printable } from "../printable_text.ts";

/** Who calls: the user, else the URI. */
export function callerText({ from_user, from_uri }: CallReport): string {
  return printable(from_user || from_uri || "-");
}

/** Who is called: the user, else the URI. */
export function calleeText({ to_user, to_uri }: CallReport): string {
  return printable(to_user || to_uri || "-");
}

/** How the call stands, and why it ended. */
export function stateText({ state, end_reason }: CallReport): string {
  return end_reason === undefined ? printable(state) : printable(`${state} (${end_reason})`);
}

/** The codecs of a call's streams, each once. */
export function codecsText({ streams }: CallReport): string {
  const codecs = new Set(streams.map(({ codec }) => codec).filter((codec) => codec !== undefined));
  return printable([...codecs].join(",")) || "-";
}

/** What was lost of all streams, in percent of what should have come. */
export function lossText({ streams }: CallReport): string {
  const sum = (count: (stream: CallStream) => number | undefined) =>
    streams.reduce((total, stream) => total + Math.max(0, count(stream) ?? 0), 0);
  const expected = sum((stream) => stream.expected);
  return expected === 0 ? "-" : percentText(sum((stream) => stream.lost), expected);
}

/** The jitter of the worst stream. */
export function jitterText({ streams }: CallReport): string {
  const all = streams.flatMap(({ jitter_ms }) => jitter_ms ?? []);
  return all.length === 0 ? "-" : `${Math.max(...all).toFixed(1)} ms`;
}

/** The mean opinion score of the worst stream. */
export function mosText({ streams }: CallReport): string {
  const all = streams.flatMap(({ mos }) => mos ?? []);
  return all.length === 0 ? "-" : Math.min(...all).toFixed(2);
}

/** The greatest of a figure that receivers reported of the call's streams. */
export function worstText(
  { streams }: CallReport,
  figure: "remote_loss_percent" | "remote_jitter_ms" | "round_trip_ms",
): string {
  const all = streams.flatMap((stream) => stream[figure] ?? []);
  return all.length === 0 ? "-" : `${Math.max(...all).toFixed(1)} ${figure.endsWith("_ms") ? "ms" : "%"}`;
}

/** Seconds, with milliseconds below a minute; `1:02:03` from an hour on. */
export function spanText(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  if (seconds < 60) return `${seconds.toFixed(3)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours === 0 ? `${minutes}:${two(rest)}` : `${hours}:${two(minutes)}:${two(rest)}`;
}

/** `text`, at most `length` characters of it. */
export function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}
