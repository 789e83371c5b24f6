import { type ExitCode, OperatorError } from "../runtime/operator_error.ts";
import { print } from "../sinks/byte_output.ts";
import { configureLog, logger } from "../telemetry/log.ts";
import { parseCommandLine, type RunInvocation } from "./program.ts";
import { Run } from "./run.ts";
import { standardError } from "./status_line.ts";

/** Runs the program with its arguments (without its name) and returns the exit code. */
export async function main(args: string[]): Promise<ExitCode> {
  try {
    const invocation = await parseCommandLine(args, { stdoutIsTerminal: Deno.stdout.isTerminal() });
    if (invocation.kind === "print") {
      await print(invocation.text);
      return invocation.exitCode;
    }
    configureLog({ json: invocation.settings.jsonSummary, write: (line) => standardError.print(line) });
    for (const warning of invocation.warnings) logger("config").warn(warning);
    return await run(invocation);
  } catch (error) {
    if (error instanceof OperatorError) {
      console.error(`caracal: ${error.message}`);
      return error.exitCode;
    }
    console.error("caracal: internal error:", error);
    return 1;
  }
}

/** Each command is loaded when it is asked for: gRPC alone takes as long to load as all that `sniff` needs. */
async function run(invocation: RunInvocation): Promise<ExitCode> {
  const { settings } = invocation;
  switch (settings.command) {
    case "hunt":
      return (await import("./commands/hunt.ts")).hunt(new Run(invocation));
    case "sniff":
      return (await import("./commands/sniff.ts")).sniff(new Run(invocation));
    case "tap":
      return (await import("./commands/tap.ts")).tap(new Run(invocation));
    case "process":
      return (await import("./commands/process.ts")).process(new Run(invocation));
    case "list interfaces":
      return (await import("./commands/list_interfaces.ts")).listInterfacesCommand(settings);
    case "buffer inspect":
      return (await import("./commands/buffer.ts")).inspectBuffer(settings);
    case "buffer verify":
      return (await import("./commands/buffer.ts")).verifyBuffer(settings);
    case "buffer repair":
      return (await import("./commands/buffer.ts")).repairBuffer(settings);
    case "filters check":
      return (await import("./commands/filters_check.ts")).checkFilters(settings);
    case "config explain":
    case "completion":
      throw new Error(`${settings.command} prints, and does not run`);
  }
}
