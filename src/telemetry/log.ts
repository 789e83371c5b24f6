import { configureSync, getLogger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { environmentVariable } from "../runtime/environment.ts";
import { OperatorError } from "../runtime/operator_error.ts";

/** Facts that go beside a line when lines are JSON. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Writes lines for the operator. Lines may hold anything: control characters are escaped when they are written. */
export interface Log {
  /** Only of use to whoever looks for a fault. */
  debug(line: string, fields?: LogFields): void;
  /** Something happened as it should. */
  info(line: string, fields?: LogFields): void;
  /** Something is wrong, and the run goes on. */
  warn(line: string, fields?: LogFields): void;
  /** Something failed. */
  error(line: string, fields?: LogFields): void;
}

/** How lines are written. */
export interface LogOptions {
  /** One JSON object per line instead of text. */
  readonly json: boolean;
  /** Takes each line, newline included; standard error when left out. */
  readonly write?: (line: string) => void;
  /** Looks up an environment variable; the process's own when left out. */
  readonly variable?: (name: string) => string | undefined;
}

const levels: Readonly<Record<string, LogLevel>> = {
  DEBUG: "debug",
  INFO: "info",
  WARN: "warning",
  ERROR: "error",
};

/** The log of one room of the program, such as `hunter`. Silent until {@link configureLog} was called. */
export function logger(room: string): Log {
  const log = getLogger(["caracal", room]);
  return {
    debug: (line, fields) => log.debug("{line}", { line, fields }),
    info: (line, fields) => log.info("{line}", { line, fields }),
    warn: (line, fields) => log.warning("{line}", { line, fields }),
    error: (line, fields) => log.error("{line}", { line, fields }),
  };
}

/**
 * Starts the log, from the level in `CARACAL_LOG_LEVEL` or `LOG_LEVEL` (DEBUG, INFO, WARN, ERROR; INFO when unset).
 * Throws OperatorError when `CARACAL_LOG_LEVEL` is none of these; a `LOG_LEVEL` meant for other programs is ignored.
 */
export function configureLog(options: LogOptions): void {
  const write = options.write ?? writeToStandardError;
  const format = options.json ? jsonLine : textLine;
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(format(record)) },
    loggers: [
      {
        category: "caracal",
        lowestLevel: lowestLevel(options.variable ?? environmentVariable),
        sinks: ["lines"],
      },
      { category: ["logtape", "meta"], lowestLevel: "fatal", sinks: [] },
    ],
  });
}

/** `text` with control, line-separating and direction-changing characters written as escapes, for a terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function lowestLevel(variable: (name: string) => string | undefined): LogLevel {
  const own = variable("CARACAL_LOG_LEVEL");
  if (own === undefined) return levels[variable("LOG_LEVEL")?.toUpperCase() ?? ""] ?? "info";
  const level = levels[own.toUpperCase()];
  if (level === undefined) {
    throw new OperatorError(
      `CARACAL_LOG_LEVEL is ${escapeControls(own)}: it must be one of ${Object.keys(levels).join(", ")}`,
      2,
    );
  }
  return level;
}

function textLine(record: LogRecord): string {
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `caracal: ${level}${escapeControls(String(record.properties.line))}\n`;
}

function jsonLine(record: LogRecord): string {
  const { line, fields } = record.properties;
  const entry = {
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    room: record.category[1],
    message: line,
    ...fields as LogFields | undefined,
  };
  return escapeControls(JSON.stringify(entry)) + "\n";
}

/** Writes all of a text to standard error, at once and without failing. */
export function writeToStandardError(line: string): void {
  const bytes = new TextEncoder().encode(line);
  try {
    for (let written = 0; written < bytes.length;) written += Deno.stderr.writeSync(bytes.subarray(written));
  } catch {
    // Standard error is gone: there is nobody left to tell.
  }
}
