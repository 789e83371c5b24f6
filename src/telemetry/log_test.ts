import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import { configureLog, escapeControls, logger } from "./log.ts";

function linesOf(json: boolean, act: () => void, variables: Record<string, string> = {}): string[] {
  const lines: string[] = [];
  configureLog({ json, write: (line) => lines.push(line), variable: (name) => variables[name] });
  act();
  return lines;
}

Deno.test("a line says its level, and info says none", () => {
  const lines = linesOf(false, () => {
    const log = logger("hunter");
    log.info("connected");
    log.warn("slow {braces} stay");
    log.error("gone");
    log.debug("not shown by default");
  });
  assert.deepEqual(lines, [
    "caracal: connected\n",
    "caracal: warning: slow {braces} stay\n",
    "caracal: error: gone\n",
  ]);
});

Deno.test("a JSON line is one object, with the fields beside the message", () => {
  const [line = ""] = linesOf(true, () => logger("processor").warn("hunter a\nb", { hunter: "x\u001b[2J" }));
  const { time, ...rest } = JSON.parse(line);
  assert.deepEqual(rest, {
    level: "warning",
    room: "processor",
    message: "hunter a\nb",
    hunter: "x\u001b[2J",
  });
  assert.ok(!Number.isNaN(Date.parse(time)));
  assert.equal(line.indexOf("\n"), line.length - 1);
});

Deno.test("control characters never reach the terminal", () => {
  const cases: [string, string][] = [
    ["a\nb", "a\\u000ab"],
    ["\u001b]0;title\u0007", "\\u001b]0;title\\u0007"],
    ["\u0085\u009b31m", "\\u0085\\u009b31m"],
    ["abc\u202etxt.exe", "abc\\u202etxt.exe"],
    ["Grüße, 世界", "Grüße, 世界"],
  ];
  for (const [text, escaped] of cases) assert.equal(escapeControls(text), escaped);
});

Deno.test("the level comes from the environment, the program's own variable first", () => {
  const cases: [Record<string, string>, string][] = [
    [{}, "i w e"],
    [{ LOG_LEVEL: "DEBUG" }, "d i w e"],
    [{ LOG_LEVEL: "nonsense" }, "i w e"],
    [{ LOG_LEVEL: "DEBUG", CARACAL_LOG_LEVEL: "warn" }, "w e"],
  ];
  for (const [variables, expected] of cases) {
    const lines = linesOf(false, () => {
      const log = logger("x");
      log.debug("d");
      log.info("i");
      log.warn("w");
      log.error("e");
    }, variables);
    assert.equal(lines.map((line) => line.trim().at(-1)).join(" "), expected, JSON.stringify(variables));
  }
  assert.throws(() => linesOf(false, () => {}, { CARACAL_LOG_LEVEL: "loud" }), OperatorError);
});
