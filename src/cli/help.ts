import type { Command, Option } from "commander";
import { programName, variablesOf } from "../config/flag.ts";
import type { CommandText } from "./command_texts.ts";
import { flagOf } from "./command_options.ts";

/** How the help is to look. */
export interface HelpStyle {
  /** Characters per line. */
  readonly columns: number;
  /** Whether headings may be bold. */
  readonly bold: boolean;
  /** Whether each flag's details are shown, too (`--help` instead of `-h`). */
  readonly long: boolean;
}

/** Sets `program`'s help up; its commands inherit it. */
export function configureHelp(program: Command, style: HelpStyle): void {
  program.configureHelp({
    helpWidth: style.columns,
    subcommandTerm: (command) =>
      [command.name(), ...command.registeredArguments.map((a) => `<${a.name()}>`)].join(" "),
    optionTerm: optionTerm,
    optionDescription: (option) => optionDescription(option, style.long),
    styleTitle: (title) => style.bold ? `\x1b[1m${title}\x1b[22m` : title,
  });
  program.configureOutput({ getOutHasColors: () => style.bold, getOutHelpWidth: () => style.columns });
}

function optionTerm(option: Option): string {
  const flag = flagOf(option);
  const term = option.short === undefined ? `    ${option.flags}` : option.flags;
  return flag?.kind.name === "boolean" && flag.default === true ? term.replace("--", "--[no-]") : term;
}

function optionDescription(option: Option, long: boolean): string {
  const flag = flagOf(option);
  return flag === undefined || !long ? option.description : `${option.description}\n${flag.details}`;
}

const exampleKey = "hunter.batch_size";
const configNote = `A key in [brackets] sets its flag in the configuration file. In upper case, with
CARACAL_ in front and _ for dots, it is an environment variable:
${exampleKey} is ${variablesOf(exampleKey)[0]}. The first wins of flag,
environment, file, default; \`${programName} config explain\` shows which did.`;

/** The lines below a command's options: examples, and how flags can be set otherwise. */
export function helpTail({ examples }: CommandText, readsConfig: boolean): string {
  const lines = examples.flatMap(([line, purpose]) => [`  # ${purpose}`, `  ${programName} ${line}`]);
  return ["", "Examples:", ...lines, ...readsConfig ? ["", configNote] : []].join("\n");
}
