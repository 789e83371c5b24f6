import { Argument, Command, CommanderError, Option } from "commander";
import denoConfig from "../../deno.json" with { type: "json" };
import { explain, type Explanation, explanationText } from "../config/explain.ts";
import {
  type AnyFlag,
  belongsTo,
  type FlagCommand,
  programName,
  type RunCommand,
  runCommands,
} from "../config/flag.ts";
import { flagFor, flags } from "../config/flags.ts";
import { configFileSchema } from "../config/json_schema.ts";
import { suggestion } from "../config/nearest.ts";
import { describeOrigin, type GivenFlag, resolve } from "../config/resolve.ts";
import { applyRules, type CheckedSettings, type Terminal } from "../config/rules.ts";
import type { Environment } from "../config/config_search.ts";
import type { Protocol, Settings } from "../config/settings.ts";
import { environmentVariable, remembered } from "../runtime/environment.ts";
import { type ExitCode, OperatorError } from "../runtime/operator_error.ts";
import { addGlobalOptions, addOptions, givenFlags, normalizeArguments } from "./command_options.ts";
import {
  comingProtocols,
  type CommandText,
  commandTexts,
  narrowProtocols,
  protocolTexts,
} from "./command_texts.ts";
import { completionScript, shells } from "./completion.ts";
import { configureHelp, helpTail } from "./help.ts";

/** What a command line asks for: a run, or text on standard output and the end. */
export type Invocation =
  | RunInvocation
  | { readonly kind: "print"; readonly text: string; readonly exitCode: ExitCode };

/** What to run. */
export interface RunInvocation extends LoadedSettings {
  /** Tells it from text. */
  readonly kind: "run";
  /** Reads the configuration file, and what it names, again; command line and environment stay. Throws OperatorError. */
  readonly reload: () => Promise<LoadedSettings>;
}

/** Settings, with where they came from. */
export interface LoadedSettings extends CheckedSettings {
  /** The configuration file that was read, if any. */
  readonly configFile: string | undefined;
  /** Other files that settings were read from. */
  readonly files: readonly string[];
  /** What set a setting: `flag --x`, `environment X`, `config.yaml:3`, `default`. */
  readonly originOf: (setting: keyof Settings) => string;
}

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
) => Promise<Invocation>;

/** What the commands of one command line share. */
interface Context {
  /**
   * Whether the command line may lead to a command of that name: options of others are not made, which would take
   * longer than all else here. A completion script shows all.
   */
  readonly isNamed: (command: string) => boolean;
  readonly terminal: ProgramTerminal;
  readonly environment: Environment;
  /** Takes what the command that was found asks for. */
  readonly done: (invocation: Invocation) => void;
}

/**
 * Reads a command line (without the program's name), the environment and the configuration file.
 *
 * Throws OperatorError, with exit code 2 where the usage or the configuration is wrong.
 */
export async function parseCommandLine(
  args: string[],
  terminal: ProgramTerminal,
  lookup: Environment = environmentVariable,
): Promise<Invocation> {
  const environment = remembered(lookup);
  let invocation: Invocation | undefined;
  let written = "";
  const program = createProgram();
  program.configureOutput({ writeOut: (text) => written += text, writeErr: (text) => written += text });
  configureHelp(program, {
    columns: terminal.columns ?? 100,
    bold: terminal.stdoutIsTerminal && environment("NO_COLOR") === undefined,
    long: args.includes("--help"),
  });
  const isNamed = (command: string) => args.includes(command) || args.includes("completion");
  addCommands(program, { isNamed, terminal, environment, done: (result) => invocation = result });
  try {
    await program.parseAsync(normalizeArguments(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return printed(written);
    if (error.code === "commander.help") return { kind: "print", text: written, exitCode: 2 };
    const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    throw new OperatorError(`${message}; see ${wordsOf(commandOf(program, args))} --help`, 2);
  }
  if (invocation === undefined) throw new Error("the command line asked for nothing");
  return invocation;
}

function printed(text: string): Invocation {
  return { kind: "print", text, exitCode: 0 };
}

function createProgram(): Command {
  const help = new Option("-h, --help", "this help; --help adds details to each flag").helpGroup("General:");
  return new Command(programName)
    .description("capture packets at the edge, parse them, and stream them to a processor")
    .optionsGroup("General:")
    .version(`${programName} ${denoConfig.version}`, "--version", "print the version")
    .addHelpOption(help)
    .enablePositionalOptions()
    .exitOverride();
}

function addCommands(program: Command, context: Context): void {
  const { terminal, environment, done } = context;
  const run: Action = async (command, protocol, given) => {
    // Also for the time when the environment cannot be read any more.
    environment("HOME");
    const load = async (): Promise<LoadedSettings> => {
      const resolution = await resolve({ command, protocol, given }, environment);
      const { file, values, origins } = resolution;
      return {
        ...await applyRules(resolution, terminal),
        configFile: file?.path,
        files: values.domainsFile === undefined ? [] : [values.domainsFile],
        originOf(setting) {
          const flag = flags.find((one) => one.setting === setting);
          return describeOrigin(flag && origins.get(flag) || { kind: "default" });
        },
      };
    };
    return { kind: "run", ...await load(), reload: load };
  };
  addGlobalOptions(program);
  addRunCommands(program, run, context);

  const list = program.command("list").description("show what there is").helpCommand(false);
  const interfaces = addCommand(list, "interfaces", commandTexts["list interfaces"]);
  addOptions(interfaces, "list interfaces", "all");
  act(interfaces, async () => done(await run("list interfaces", "all", givenFlags(interfaces))));

  const buffer = program.command("buffer").description("look after disk buffers").helpCommand(false);
  addBufferCommands(buffer, run, done);

  const filters = program.command("filters").description("look after filter files").helpCommand(false);
  const check = addCommand(filters, "check", commandTexts["filters check"]);
  addOptions(check, "filters check", "all");
  check.argument("<file>", "filter file, YAML").action(async (file: string) => {
    const invocation = await run("filters check", "all", givenFlags(check));
    if (invocation.kind !== "run") return done(invocation);
    done({ ...invocation, settings: { ...invocation.settings, filterFile: file } });
  });

  const config = program.command("config").description("explain the configuration").helpCommand(false);
  addExplain(config, context);
  const schema = addCommand(config, "schema", commandTexts["config schema"]);
  act(schema, () => done(printed(`${JSON.stringify(configFileSchema(), null, 2)}\n`)));

  addCommand(program, "completion", commandTexts.completion)
    .addArgument(new Argument("<shell>", shells.join(", ")).choices(shells))
    .action((shell: typeof shells[number]) => done(printed(completionScript(program, shell))));
}

/** Adds inspect, verify and repair, each for the folder that is its argument. */
function addBufferCommands(parent: Command, action: Action, done: Context["done"]): void {
  for (const name of ["inspect", "verify", "repair"] as const) {
    const command = addCommand(parent, name, commandTexts[`buffer ${name}`]);
    addOptions(command, `buffer ${name}`, "all");
    command.argument("<folder>", "folder of the disk buffer").action(async (folder: string) => {
      const invocation = await action(`buffer ${name}`, "all", givenFlags(command));
      if (invocation.kind !== "run") return done(invocation);
      done({ ...invocation, settings: { ...invocation.settings, diskBufferDir: folder } });
    });
  }
}

/** Adds hunt, sniff, tap and process, with their protocols, below `parent`. */
function addRunCommands(parent: Command, action: Action, { isNamed, done }: Context): void {
  for (const command of runCommands) {
    const added = addCommand(parent, command, commandTexts[command], true).helpCommand(false);
    if (isNamed(command)) addOptions(added, command, "all");
    act(added, async () => done(await action(command, "all", givenFlags(added))), command);
    for (const protocol of narrowProtocols) {
      const text = protocolTexts[command]?.[protocol];
      if (text === undefined) continue;
      const narrow = addCommand(added, protocol, text, true);
      if (isNamed(command) && isNamed(protocol)) addOptions(narrow, command, protocol);
      act(narrow, async () => done(await action(command, protocol, givenFlags(narrow))));
    }
  }
}

function addExplain(parent: Command, context: Context): void {
  const { terminal, environment, done } = context;
  const command = addCommand(parent, "explain", commandTexts["config explain"]).helpCommand(false);
  addGlobalOptions(command);
  command.option("--json", "as JSON, for programs");

  const one = async (...[name, protocol, given]: Parameters<Action>) =>
    await explain(await resolve({ command: name, protocol, given }, environment), terminal);
  const shown = (explanations: readonly Explanation[], given: ReadonlyMap<AnyFlag, GivenFlag>) => {
    const asJson = command.getOptionValue("json") === true ||
      given.get(flagFor("json"))?.texts.at(-1) === "true";
    return printed(
      asJson
        ? `${JSON.stringify({ commands: explanations }, null, 2)}\n`
        : explanations.map(explanationText).join("\n"),
    );
  };
  act(command, async () => {
    const given = givenFlags(command);
    const explanations: Explanation[] = [];
    for (const name of runCommands) explanations.push(await one(name, "all", given));
    done(shown(explanations, given));
  });
  addRunCommands(command, async (...request) => shown([await one(...request)], request[2]), context);
}

function addCommand(parent: Command, name: string, text: CommandText, readsConfig = false): Command {
  return parent.command(name).description(text.summary).addHelpText("after", helpTail(text, readsConfig));
}

/** Has `command` do `action`, after what commander could not place was refused, with more help than it gives. */
function act(command: Command, action: () => void | Promise<void>, wide?: RunCommand): void {
  command.allowUnknownOption().allowExcessArguments().action(() => {
    const [first] = command.args;
    if (first !== undefined) throw leftover(first, command, wide);
    return action();
  });
}

/** @param wide the command, where it has no protocol yet */
function leftover(typed: string, command: Command, wide: RunCommand | undefined): OperatorError {
  const hint = `see ${wordsOf(command)} --help`;
  if (typed.startsWith("-") && typed !== "-") {
    const name = typed.replace(/(?<=..)=.*$/s, "");
    const owners = narrowProtocols.filter((protocol) =>
      flags.some((flag) => `--${flag.long}` === name && wide && belongsTo(flag, wide, protocol))
    ).map((protocol) => `${wide} ${protocol}`);
    if (owners.length > 0) return new OperatorError(`${name} belongs to ${owners.join(" and ")}; ${hint}`, 2);
    const known = command.options.filter((option) => !option.hidden).flatMap((option) => option.long ?? []);
    return new OperatorError(`unknown option ${name}${suggestion(name, known)}; ${hint}`, 2);
  }
  if (wide !== undefined && comingProtocols.some((name) => name === typed)) {
    return new OperatorError(`${wide} ${typed} is not available in this version; ${hint}`, 2);
  }
  const names = command.commands.map((sub) => sub.name());
  return new OperatorError(
    `unexpected argument ${JSON.stringify(typed)}${suggestion(typed, names)}; ${hint}`,
    2,
  );
}

/** The words that lead to `command`, the program's name first. */
function wordsOf(command: Command): string {
  return command.parent === null ? command.name() : `${wordsOf(command.parent)} ${command.name()}`;
}

/** The command that the words of `args` lead to, as far as a hint needs it. */
function commandOf(program: Command, args: readonly string[]): Command {
  return args.reduce((at, arg) => at.commands.find((command) => command.name() === arg) ?? at, program);
}
