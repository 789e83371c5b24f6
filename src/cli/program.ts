import { Argument, Command, CommanderError, Option } from "commander";
import denoConfig from "../../deno.json" with { type: "json" };
import { explain, type Explanation, explanationText } from "../config/explain.ts";
import {
  type AnyFlag,
  belongsTo,
  type FlagCommand,
  helpHint,
  programName,
  runCommands,
} from "../config/flag.ts";
import { flagFor, flags } from "../config/flags.ts";
import { configFileSchema } from "../config/json_schema.ts";
import { suggestion } from "../config/nearest.ts";
import { type GivenFlag, resolve } from "../config/resolve.ts";
import { applyRules, type Terminal } from "../config/rules.ts";
import type { Protocol, Settings } from "../config/settings.ts";
import { environmentVariable } from "../runtime/environment.ts";
import { type ExitCode, OperatorError } from "../runtime/operator_error.ts";
import { addGlobalOptions, addOptions, givenFlags, normalizeArguments } from "./command_options.ts";
import { comingProtocols, type CommandText, commandTexts, protocolTexts } from "./command_texts.ts";
import { completionScript, shells } from "./completion.ts";
import { configureHelp, helpTail } from "./help.ts";

/** What a command line asks for: a run, or text on standard output and the end. */
export type Invocation =
  | { readonly kind: "run"; readonly settings: Settings; readonly warnings: readonly string[] }
  | { readonly kind: "print"; readonly text: string; readonly exitCode: ExitCode };

/** The terminal that the program talks to. */
export interface ProgramTerminal extends Terminal {
  /** Characters per line of the help; 100 when not given. */
  readonly columns?: number;
}

/** What a command does with its flags. */
type Action = (
  command: FlagCommand,
  protocol: Protocol,
  given: ReadonlyMap<AnyFlag, GivenFlag>,
) => Promise<void>;

/**
 * Reads a command line (without the program's name), the environment and the configuration file.
 *
 * Throws OperatorError, with exit code 2 where the usage or the configuration is wrong.
 */
export async function parseCommandLine(
  args: string[],
  terminal: ProgramTerminal,
  environment: typeof environmentVariable = environmentVariable,
): Promise<Invocation> {
  let invocation: Invocation | undefined;
  let written = "";
  const print = (text: string) => invocation = { kind: "print", text, exitCode: 0 };

  const run: Action = async (command, protocol, given) => {
    const resolution = await resolve({ command, protocol, given }, environment);
    invocation = { kind: "run", ...await applyRules(resolution, terminal) };
  };
  const explainOne = async (
    command: FlagCommand,
    protocol: Protocol,
    given: ReadonlyMap<AnyFlag, GivenFlag>,
  ) => await explain(await resolve({ command, protocol, given }, environment), terminal);
  const printExplanations = (
    explanations: readonly Explanation[],
    given: ReadonlyMap<AnyFlag, GivenFlag>,
  ) => {
    const asJson = explaining.getOptionValue("json") === true ||
      given.get(flagFor("json"))?.texts.at(-1) === "true";
    const text = asJson
      ? JSON.stringify({ commands: explanations }, null, 2)
      : explanations.map(explanationText).join("\n");
    print(asJson ? `${text}\n` : text);
  };

  const program = new Command(programName)
    .description("capture packets at the edge, parse them, and stream them to a processor")
    .optionsGroup("General:")
    .version(`${programName} ${denoConfig.version}`, "--version", "print the version")
    .addHelpOption(
      new Option("-h, --help", "this help; --help adds details to each flag").helpGroup("General:"),
    )
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: (text) => written += text, writeErr: (text) => written += text });
  configureHelp(program, {
    columns: terminal.columns ?? 100,
    bold: terminal.stdoutIsTerminal && environment("NO_COLOR") === undefined,
    long: args.includes("--help"),
  });
  addGlobalOptions(program);
  addRunCommands(program, run);

  const list = program.command("list").description("show what there is").helpCommand(false);
  const interfaces = addLeaf(list, "interfaces", commandTexts["list interfaces"]);
  addOptions(interfaces, "list interfaces", "all");
  onAction(interfaces, "list interfaces", "all", run);

  const config = program.command("config").description("explain the configuration").helpCommand(false);
  const explaining = addLeaf(config, "explain", commandTexts["config explain"]).helpCommand(false);
  addGlobalOptions(explaining);
  explaining.option("--json", flagFor("json").details).action(async () => {
    const given = givenFlags(explaining);
    const explanations: Explanation[] = [];
    for (const command of runCommands) explanations.push(await explainOne(command, "all", given));
    printExplanations(explanations, given);
  });
  addRunCommands(explaining, async (command, protocol, given) => {
    printExplanations([await explainOne(command, protocol, given)], given);
  });
  addLeaf(config, "schema", commandTexts["config schema"]).action(() => {
    print(`${JSON.stringify(configFileSchema(), null, 2)}\n`);
  });

  addLeaf(program, "completion", commandTexts.completion)
    .addArgument(new Argument("<shell>", shells.join(", ")).choices(shells))
    .action((shell: typeof shells[number]) => {
      print(completionScript(program, shell));
    });

  try {
    await program.parseAsync(normalizeArguments(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isHelp = error.code === "commander.help" || error.exitCode === 0;
    if (!isHelp) throw new OperatorError(commanderMessage(error, commandPath(program, args)), 2);
    return { kind: "print", text: written, exitCode: error.exitCode === 0 ? 0 : 2 };
  }
  if (invocation === undefined) throw new Error("the command line asked for nothing");
  return invocation;
}

/** Adds hunt, sniff, tap and process, with their protocols, below `parent`. */
function addRunCommands(parent: Command, action: Action): void {
  for (const command of runCommands) {
    const added = addLeaf(parent, command, commandTexts[command], true).helpCommand(false);
    addOptions(added, command, "all");
    onAction(added, command, "all", action);
    for (const [protocol, text] of Object.entries(protocolTexts[command] ?? {})) {
      const narrowed = addLeaf(added, protocol, text, true);
      addOptions(narrowed, command, protocol as Protocol);
      onAction(narrowed, command, protocol as Protocol, action);
    }
  }
}

function addLeaf(parent: Command, name: string, text: CommandText, readsConfig = false): Command {
  return parent.command(name).description(text.summary).addHelpText("after", helpTail(text, readsConfig));
}

function onAction(target: Command, command: FlagCommand, protocol: Protocol, action: Action): void {
  // What is left over is judged here, where more can be said about it than commander does.
  target.allowUnknownOption().allowExcessArguments().action(async () => {
    const [first] = target.args;
    if (first !== undefined) throw leftover(first, target, command, protocol);
    await action(command, protocol, givenFlags(target));
  });
}

function leftover(typed: string, target: Command, command: FlagCommand, protocol: Protocol): OperatorError {
  const hint = helpHint(command, protocol);
  if (typed.startsWith("-") && typed !== "-") {
    const name = typed.replace(/=.*$/s, "");
    const narrower = flags.find((flag) => `--${flag.long}` === name && belongsTo(flag, command, "dns"));
    if (narrower !== undefined) return new OperatorError(`${name} belongs to ${command} dns; ${hint}`, 2);
    const known = target.options.filter((option) => !option.hidden).flatMap((option) => option.long ?? []);
    return new OperatorError(`unknown option ${name}${suggestion(name, known)}; ${hint}`, 2);
  }
  if (protocol === "all" && comingProtocols.some((name) => name === typed)) {
    return new OperatorError(`${command} ${typed} is not available in this version; ${hint}`, 2);
  }
  const names = target.commands.map((sub) => sub.name());
  return new OperatorError(
    `unexpected argument ${JSON.stringify(typed)}${suggestion(typed, names)}; ${hint}`,
    2,
  );
}

function commanderMessage(error: CommanderError, path: string): string {
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  return `${message}; see ${path} --help`;
}

/** The command that the words of `args` lead to, for a hint. */
function commandPath(program: Command, args: readonly string[]): string {
  let at = program;
  const path = [program.name()];
  for (const arg of args) {
    const next = at.commands.find((command) => command.name() === arg);
    if (next === undefined) continue;
    at = next;
    path.push(arg);
  }
  return path.join(" ");
}
