import type { Command, Option } from "commander";
import { programName } from "../config/flag.ts";
import { flagOf } from "./command_options.ts";

/** The shells that completion scripts are made for. */
export const shells = ["bash", "zsh", "fish"] as const;

/** What may follow the words of a command. */
interface Place {
  /** The words of the command, the program's name first. */
  readonly path: string;
  readonly words: readonly { readonly name: string; readonly help: string }[];
  readonly options: readonly PlaceOption[];
}

interface PlaceOption {
  /** With dashes, short first. */
  readonly names: readonly string[];
  readonly help: string;
  /** What its value may be; undefined when it takes none. */
  readonly value: { readonly kind: "file" | "words" | "any"; readonly words: readonly string[] } | undefined;
}

/** The completion script of `program` for `shell`. */
export function completionScript(program: Command, shell: typeof shells[number]): string {
  const places = placesOf(program, programName);
  switch (shell) {
    case "bash":
      return bash(places);
    case "zsh":
      return zsh(places);
    case "fish":
      return fish(places);
  }
}

function placesOf(command: Command, path: string): Place[] {
  const words = command.commands.map((sub) => ({ name: sub.name(), help: sub.description() }));
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  const options = command.options.filter((option) => !option.hidden || option.negate).flatMap(placeOption);
  const help = { names: ["-h", "--help"], help: "help", value: undefined };
  return [
    { path, words: [...words, ...choices.map((name) => ({ name, help: "" }))], options: [...options, help] },
    ...command.commands.flatMap((sub) => placesOf(sub, `${path} ${sub.name()}`)),
  ];
}

function placeOption(option: Option): PlaceOption[] {
  const flag = flagOf(option);
  // Of a boolean's two options only the one that changes the default is worth a line.
  if (flag?.kind.name === "boolean" && option.negate !== (flag.default === true)) return [];
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const help = flag?.help ?? option.description;
  if (!option.required || flag === undefined) return [{ names, help, value: undefined }];
  const kind = flag.kind.name === "path" ? "file" : flag.kind.choices === undefined ? "any" : "words";
  return [{ names, help, value: { kind, words: flag.kind.choices ?? [] } }];
}

/** A shell word in single quotes; for fish, too, where a backslash works inside them. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function patterns(path: string, names: readonly string[]): string {
  return names.map((name) => `"${path} ${name}"`).join(" | ");
}

/** The `case` that moves on to the place that a word leads to. */
function steps(places: readonly Place[]): string {
  return places.slice(1).map(({ path }) => `"${path}"`).join(" | ");
}

function values(place: Place, act: (value: NonNullable<PlaceOption["value"]>) => string): string[] {
  return place.options.flatMap(({ names, value }) =>
    value === undefined ? [] : [`    ${patterns(place.path, names)}) ${act(value)}return ;;`]
  );
}

function bash(places: readonly Place[]): string {
  const valueCases = places.flatMap((place) =>
    values(
      place,
      ({ kind, words }) =>
        kind === "file"
          ? 'COMPREPLY=($(compgen -f -- "$current")); '
          : kind === "words"
          ? `COMPREPLY=($(compgen -W ${quote(words.join(" "))} -- "$current")); `
          : "",
    )
  );
  const wordCases = places.map(({ path, words, options }) => {
    const all = [...words.map(({ name }) => name), ...options.flatMap(({ names }) => names.slice(-1))];
    return `    "${path}") words=${quote(all.join(" "))} ;;`;
  });
  return `# bash completion of ${programName}
_${programName}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place=${programName} words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${steps(places)}) place="$place \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place \${COMP_WORDS[COMP_CWORD - 1]}" in
${valueCases.join("\n")}
  esac
  case "$place" in
${wordCases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _${programName} ${programName}
`;
}

function zsh(places: readonly Place[]): string {
  const valueCases = places.flatMap((place) =>
    values(
      place,
      ({ kind, words }) =>
        kind === "file" ? "_files; " : kind === "words" ? `compadd ${words.map(quote).join(" ")}; ` : "",
    )
  );
  const described = (name: string, help: string) => quote(`${name.replaceAll(":", "\\:")}:${help}`);
  const wordCases = places.map(({ path, words, options }) =>
    `    "${path}")
      commands=(${words.map(({ name, help }) => described(name, help)).join(" ")})
      options=(${options.map(({ names, help }) => described(names.at(-1) ?? "", help)).join(" ")}) ;;`
  );
  return `#compdef ${programName}
_${programName}() {
  local place=${programName} i
  local -a commands options
  for ((i = 2; i < CURRENT; i++)); do
    case "$place \${words[i]}" in
      ${steps(places)}) place="$place \${words[i]}" ;;
    esac
  done
  case "$place \${words[CURRENT - 1]}" in
${valueCases.join("\n")}
  esac
  case "$place" in
${wordCases.join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then _describe -o option options; else _describe command commands; fi
}
if [[ "\${funcstack[1]}" == _${programName} ]]; then _${programName} "$@"; else compdef _${programName} ${programName}; fi
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words, options }) => {
    const start = `complete -c ${programName} -n ${quote(`__${programName}_at ${path}`)}`;
    return [
      ...words.map(({ name, help }) => `${start} -f -a ${name}${help === "" ? "" : ` -d ${quote(help)}`}`),
      ...options.map(({ names, help, value }) => {
        const shapes = names.map((name) =>
          name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`
        );
        const taken = value === undefined
          ? ""
          : value.kind === "file"
          ? " -r -F"
          : ` -x -a ${quote(value.words.join(" "))}`;
        return `${start} ${shapes.join(" ")}${taken} -d ${quote(help)}`;
      }),
    ];
  });
  return `# fish completion of ${programName}
function __${programName}_at
  set -l place ${programName}
  for word in (commandline -opc)[2..]
    switch "$place $word"
      case ${places.slice(1).map(({ path }) => quote(path)).join(" ")}
        set place "$place $word"
    end
  end
  test "$place" = "$argv"
end
complete -c ${programName} -f
${lines.join("\n")}
`;
}
