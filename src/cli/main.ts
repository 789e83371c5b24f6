import type { Settings } from "../config/settings.ts";
import { type ExitCode, OperatorError } from "../runtime/operator_error.ts";
import { configureLog } from "../telemetry/log.ts";
import { sniff } from "./commands/sniff.ts";
import { parseCommandLine } from "./program.ts";

/** Runs the program with its arguments (without its name) and returns the exit code. */
export async function main(args: string[]): Promise<ExitCode> {
  try {
    const invocation = await parseCommandLine(args, { stdoutIsTerminal: Deno.stdout.isTerminal() });
    if (invocation.kind === "print") {
      await Deno.stdout.write(new TextEncoder().encode(invocation.text));
      return invocation.exitCode;
    }
    configureLog({ json: invocation.settings.jsonSummary });
    return await run(invocation.settings, invocation.warnings);
  } catch (error) {
    if (error instanceof OperatorError) {
      console.error(`caracal: ${error.message}`);
      return error.exitCode;
    }
    console.error("caracal: internal error:", error);
    return 1;
  }
}

function run(settings: Settings, _warnings: readonly string[]): Promise<ExitCode> {
  switch (settings.command) {
    case "sniff":
      return sniff(settings);
    default:
      throw new OperatorError(`${settings.command} is not ready`);
  }
}
