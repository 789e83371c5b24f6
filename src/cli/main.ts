import type { Settings } from "../config/settings.ts";
import { type ExitCode, OperatorError } from "../runtime/operator_error.ts";
import { configureLog, logger } from "../telemetry/log.ts";
import { hunt } from "./commands/hunt.ts";
import { listInterfacesCommand } from "./commands/list_interfaces.ts";
import { process } from "./commands/process.ts";
import { sniff } from "./commands/sniff.ts";
import { tap } from "./commands/tap.ts";
import { parseCommandLine } from "./program.ts";
import { standardError } from "./status_line.ts";

/** Runs the program with its arguments (without its name) and returns the exit code. */
export async function main(args: string[]): Promise<ExitCode> {
  try {
    const invocation = await parseCommandLine(args, { stdoutIsTerminal: Deno.stdout.isTerminal() });
    if (invocation.kind === "print") {
      await Deno.stdout.write(new TextEncoder().encode(invocation.text));
      return invocation.exitCode;
    }
    configureLog({ json: invocation.settings.jsonSummary, write: (line) => standardError.print(line) });
    for (const warning of invocation.warnings) logger("config").warn(warning);
    return await run(invocation.settings);
  } catch (error) {
    if (error instanceof OperatorError) {
      console.error(`caracal: ${error.message}`);
      return error.exitCode;
    }
    console.error("caracal: internal error:", error);
    return 1;
  }
}

function run(settings: Settings): Promise<ExitCode> {
  switch (settings.command) {
    case "hunt":
      return hunt(settings);
    case "sniff":
      return sniff(settings);
    case "tap":
      return tap(settings);
    case "process":
      return process(settings);
    case "list interfaces":
      return listInterfacesCommand(settings);
    case "config explain":
    case "completion":
      throw new Error(`${settings.command} prints, and does not run`);
  }
}
