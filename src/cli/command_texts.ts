import { type FlagCommand, programName, type RunCommand } from "../config/flag.ts";
import type { Protocol } from "../config/settings.ts";

/** What the help says about a command. */
export interface CommandText {
  /** One line. */
  readonly summary: string;
  /** Command lines without the program's name, each with what it does. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
}

/** A protocol that a command can be narrowed to. */
export type NarrowProtocol = Exclude<Protocol, "all">;

/** All of them, in the order of the help. */
export const narrowProtocols: readonly NarrowProtocol[] = ["dns", "voip"];

/** The protocols that each command can be narrowed to, with what the help says. */
export const protocolTexts: Readonly<
  Partial<Record<RunCommand, Readonly<Record<NarrowProtocol, CommandText>>>>
> = {
  hunt: {
    dns: {
      summary: "capture DNS and send it to a processor",
      examples: [
        [
          "hunt dns -i eth1 -P processor:55555 --tls-ca ca.pem",
          "send the DNS traffic of a mirror port to a processor",
        ],
        ["hunt dns -r capture.pcap", "run on a capture file, against the embedded processor"],
      ],
    },
    voip: {
      summary: "capture calls (SIP and their media) and send them to a processor",
      examples: [
        [
          "hunt voip -i eth1 -P processor:55555 --tls-ca ca.pem",
          "send the calls that the processor's filters ask for, whole",
        ],
        ["hunt voip -i eth1 --sip-user alice --sip-port 5060,5080", "the calls of one user"],
      ],
    },
  },
  sniff: {
    dns: {
      summary: "capture DNS, or read it from files, and print what it says",
      examples: [
        ["sniff dns -i eth1", "one line per DNS packet"],
        ["sniff dns -r capture.pcap --json", "DNS packets of a file as JSON lines"],
      ],
    },
    voip: {
      summary: "capture calls, or read them from files, and print who calls whom and how well that went",
      examples: [
        ["sniff voip -r capture.pcap", "a line per SIP message, then a table of calls and their ladders"],
        ["sniff voip -r capture.pcap --calls --json", "an object per call"],
        ["sniff voip -i eth1 --sip-user alice -w calls/", "one capture file per call of a user"],
      ],
    },
  },
  tap: {
    dns: {
      summary: "hunter and processor in one, for DNS",
      examples: [[
        "tap dns -i eth1 --insecure -w dns.pcap",
        "capture DNS, keep the frames, serve clients in plain text",
      ]],
    },
    voip: {
      summary: "hunter and processor in one, for calls",
      examples: [[
        "tap voip -i eth1 --insecure --per-call-pcap-dir /var/voip",
        "one capture file per call, serve clients in plain text",
      ]],
    },
  },
};

/** What the help says about each command. */
export const commandTexts: Readonly<
  Record<FlagCommand | "config explain" | "config schema" | "completion", CommandText>
> = {
  hunt: {
    summary: "capture packets and send them to a processor",
    examples: [
      ["hunt -i eth0,eth1 -P processor:55555 --tls-ca ca.pem", "send all traffic of two interfaces"],
      ["hunt dns -i eth1 -P processor:55555 --insecure", "send DNS, in plain text"],
    ],
  },
  sniff: {
    summary: "capture packets, or read files, and print what they say",
    examples: [
      ["sniff -i eth0 -f 'not port 22'", "one line per packet"],
      ["sniff dns -r capture.pcap --json", "DNS packets of a file as JSON lines"],
    ],
  },
  tap: {
    summary: "hunter and processor in one",
    examples: [[
      "tap -i eth0 --insecure -w all.pcap",
      "capture, keep every frame, serve clients in plain text",
    ]],
  },
  process: {
    summary: "receive packets from hunters",
    examples: [
      ["process --tls-cert cert.pem --tls-key key.pem", "accept hunters on port 55555"],
      ["process --insecure -f filters.yaml -w all.pcap", "give hunters filters, keep what they send"],
    ],
  },
  "list interfaces": {
    summary: "show the interfaces that can be captured on",
    examples: [["list interfaces --json", "for programs"]],
  },
  "buffer inspect": {
    summary: "show what is in a disk buffer",
    examples: [
      ["buffer inspect /var/tmp/caracal-buffer", "its segments and what waits, also while it is in use"],
      ["buffer inspect /var/tmp/caracal-buffer --json", "for programs"],
    ],
  },
  "buffer verify": {
    summary: "read every record of a disk buffer; exit code 1 when anything is damaged",
    examples: [[
      "buffer verify /var/tmp/caracal-buffer",
      "a line for each damage, with file and byte offset",
    ]],
  },
  "buffer repair": {
    summary: "take what is damaged out of a disk buffer, and keep it beside",
    examples: [["buffer repair /var/tmp/caracal-buffer", "the hunter that uses it must have ended"]],
  },
  "filters check": {
    summary: "explain a filter file, and try it on captures; exit code 1 when anything is wrong with it",
    examples: [
      ["filters check filters.yaml", "what each filter looks for, and what is wrong, by line"],
      [
        "filters check filters.yaml -r capture.pcap",
        "how many packets each one matches, and the first of them",
      ],
      [
        "filters check filters.yaml --hunter edge-1 -r a.pcap -r b.pcap --json",
        "for one hunter, and for programs",
      ],
    ],
  },
  "config explain": {
    summary: "show each setting, its value and where that comes from",
    examples: [
      ["config explain hunt dns", "what hunt dns would run with"],
      ["config explain --json", "all commands, for programs"],
    ],
  },
  "config schema": {
    summary: "print the JSON Schema of the configuration file, for editors",
    examples: [["config schema > caracal.schema.json", "keep it for the editor"]],
  },
  completion: {
    summary: "print a shell's completion script: bash, zsh or fish",
    examples: [
      [`completion bash > ~/.local/share/bash-completion/completions/${programName}`, "bash"],
      [`completion zsh > ~/.zfunc/_${programName}`, "zsh, with that directory in fpath"],
      [`completion fish > ~/.config/fish/completions/${programName}.fish`, "fish"],
    ],
  },
};

/** Protocols of lippycat's that this version has no command for. */
export const comingProtocols = ["http", "tls", "email"] as const;
