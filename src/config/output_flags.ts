import { type AnyFlag, inSections, runCommands } from "./flag.ts";
import { boolean, choice, orEmpty, path } from "./value_kind.ts";

/** Flags about what is printed and written. */
export const outputFlags: readonly AnyFlag[] = [
  {
    setting: "format",
    long: "format",
    group: "Output",
    kind: choice("json", "text"),
    placeholder: "format",
    default: undefined,
    defaultText: "text on a terminal, else json",
    keys: inSections(runCommands, "format"),
    help: "json: one object per packet; text: one readable line",
    details:
      "JSON keys are the field names of the wire contract. Asked for by name, json also makes the summary JSON.",
  },
  {
    setting: "json",
    long: "json",
    group: "Output",
    kind: boolean(),
    default: false,
    keys: {
      ...inSections(runCommands, "json"),
      "list interfaces": [],
      "buffer inspect": [],
      "filters check": [],
    },
    help: "the same as --format json",
    details: "For programs that read the output.",
  },
  {
    setting: "quiet",
    long: "quiet",
    short: "q",
    group: "Output",
    kind: boolean(),
    default: false,
    keys: inSections(runCommands, "quiet"),
    help: "print the summary only",
    details: "Fastest: packets are parsed and counted, but no line is made of them.",
  },
  {
    setting: "writeFile",
    long: "write-file",
    short: "w",
    group: "Output",
    kind: orEmpty(path(), undefined),
    placeholder: "file",
    default: undefined,
    defaultText: "none",
    keys: inSections(["sniff", "tap", "process"], "write_file"),
    help: "write every kept frame, unchanged, to a pcap file; `-` is standard output",
    details:
      "An existing file is replaced. In VoIP mode a folder (`calls/`, or one that is there) gets one file per call.",
  },
];

/** Flags that belong under no other heading. */
export const generalFlags: readonly AnyFlag[] = [
  {
    setting: "config",
    long: "config",
    short: "c",
    group: "General",
    kind: orEmpty(path(), undefined),
    placeholder: "file",
    default: undefined,
    defaultText: "~/.config/caracal/config.yaml, then lippycat's places",
    keys: { hunt: [], sniff: [], tap: [], process: [] },
    variable: "CARACAL_CONFIG",
    help: "configuration file, YAML or JSON",
    details:
      "The file named must exist. The default places are looked at only where Deno grants reading them.",
  },
];
