import { type AnyFlag, inSections, shared } from "./flag.ts";
import { boolean, duration, integer, path, portRanges, ports, text, textsNotBlank } from "./value_kind.ts";

const capturing = ["hunt", "sniff", "tap"] as const;
const writing = ["sniff", "tap"] as const;
const voip = ["voip"] as const;

/** The same key in the section `voip` of each command; sniff's has no section around it, as in lippycat. */
const voipKeys = (name: string) => ({
  hunt: [`hunter.voip.${name}`],
  sniff: [`voip.${name}`],
  tap: [`tap.voip.${name}`],
});

/** Flags of the VoIP engine, and of the files that it writes. */
export const voipFlags: readonly AnyFlag[] = [
  {
    setting: "sipUsers",
    long: "sip-user",
    short: "u",
    oldNames: { sniff: ["sipuser"], tap: ["sipuser"] },
    group: "VoIP",
    kind: textsNotBlank("a user, a phone number, an address or a pattern", 1024),
    placeholder: "user,...",
    default: [],
    defaultText: "all calls",
    protocols: voip,
    keys: {
      hunt: ["hunter.voip.sip_user"],
      sniff: ["voip.sip_user"],
      tap: ["tap.voip.sip_user", "tap.voip.sipuser"],
    },
    help: "keep calls and messages of these users only; `*` stands for any text",
    details:
      "Comma-separated, repeatable, or both, such as alice or '*456789'. Compared as a sip_user filter is; " +
      "with its host, as alice@example.com, as a sip_uri filter. " +
      "The whole call is kept, with its media. In a configuration file quote a pattern that begins with `*`.",
  },
  {
    setting: "sipPorts",
    long: "sip-port",
    short: "S",
    group: "VoIP",
    kind: ports([]),
    placeholder: "port,...",
    default: [],
    defaultText: "any port",
    protocols: voip,
    keys: voipKeys("sip_ports"),
    help: "leave all but these SIP ports and the media ports out before anything is read",
    details:
      "Comma-separated, repeatable, or both. Becomes a BPF expression; SIP is recognised by what it says on " +
      "whatever port comes through. Fragments and tunnels always come through.",
  },
  {
    setting: "rtpPortRanges",
    long: "rtp-port-range",
    short: "R",
    group: "VoIP",
    kind: portRanges(),
    placeholder: "first-last,...",
    default: [],
    defaultText: "any port; 10000-32768 with --sip-port",
    protocols: voip,
    keys: voipKeys("rtp_port_ranges"),
    help: "leave all but these UDP ports and the SIP ports out before anything is read",
    details:
      "Comma-separated, repeatable, or both, such as 8000-9000,40000-50000. SIP ports are those of --sip-port, " +
      "else 5060 and 5061.",
  },
  {
    setting: "sipUdpOnly",
    long: "udp-only",
    short: "U",
    group: "VoIP",
    kind: boolean(),
    default: false,
    protocols: voip,
    keys: voipKeys("udp_only"),
    help: "leave SIP over TCP out",
    details:
      "Saves putting TCP streams together. Long messages, and many trunks, use TCP and are then missed.",
  },
  {
    setting: "maxCalls",
    long: "max-calls",
    group: "VoIP",
    kind: integer(1, 1_000_000),
    placeholder: "calls",
    default: 65_536,
    protocols: voip,
    keys: shared(capturing, "voip.max_calls"),
    help: "calls that are followed at once",
    details: "Beyond that, the call that was idle longest is forgotten and counted.",
  },
  {
    setting: "tcpCallAwareTimeout",
    long: "tcp-call-aware-timeout",
    group: "VoIP",
    kind: boolean(),
    default: false,
    protocols: voip,
    keys: shared(capturing, "voip.enable_call_aware_timeout"),
    help: "keep a silent TCP stream as long as a call that it carried is active",
    details: "Instead of giving it up by --tcp-idle-timeout or the timeout of its state.",
  },
  {
    setting: "rtpLines",
    long: "rtp-lines",
    group: "VoIP",
    kind: boolean(),
    default: false,
    protocols: voip,
    keys: shared(capturing, "voip.rtp_lines"),
    help: "as text, print a line for each RTP and RTCP packet, too",
    details: "Without it, text has a line per SIP message. JSON always has all packets.",
  },
  {
    setting: "calls",
    long: "calls",
    group: "VoIP",
    kind: boolean(),
    default: false,
    protocols: voip,
    keys: { sniff: ["sniff.calls"], tap: ["tap.calls"], process: ["processor.calls"] },
    help: "print calls when they end, and no packets",
    details: "As json, one object per call; as text, its row and a ladder of its messages.",
  },
  {
    setting: "perCallPcap",
    long: "per-call-pcap",
    group: "VoIP",
    kind: boolean(),
    default: false,
    protocols: voip,
    keys: inSections(writing, "per_call_pcap.enabled"),
    help: "write one capture file per call, with its SIP and its media",
    details:
      "Also asked for by --per-call-pcap-dir, and by --write-file with a folder. Off by default, unlike in " +
      "lippycat: it needs permission to write. Files are readable for their owner only, and none is overwritten.",
  },
  {
    setting: "perCallPcapDir",
    long: "per-call-pcap-dir",
    group: "VoIP",
    kind: path(),
    placeholder: "folder",
    default: "./pcaps",
    protocols: voip,
    keys: inSections(writing, "per_call_pcap.output_dir"),
    help: "folder of the files of --per-call-pcap",
    details:
      "Made where there is none. A symbolic link is refused. Needs --allow-read and --allow-write of it.",
  },
  {
    setting: "perCallPcapPattern",
    long: "per-call-pcap-pattern",
    group: "VoIP",
    kind: text("a file name of 1 to 100 characters", 100),
    placeholder: "name",
    default: "{timestamp}_{callid}.pcap",
    protocols: voip,
    keys: inSections(writing, "per_call_pcap.file_pattern"),
    help: "how these files are named",
    details:
      "{timestamp} is the time of the call's first packet (UTC, such as 20260131_235959), {callid} its Call-ID, " +
      "at most 100 characters of it, with `_` for all that has no place in a file name. A name that is taken gets a " +
      "number.",
  },
  {
    setting: "pcapGracePeriodMs",
    long: "pcap-grace-period",
    group: "VoIP",
    kind: duration(1, 3_600_000, 5_000),
    placeholder: "duration",
    default: 5_000,
    defaultText: "5s",
    protocols: voip,
    keys: {
      sniff: ["sniff.per_call_pcap.grace_period", "voip.pcap_grace_period"],
      tap: ["tap.per_call_pcap.grace_period", "voip.pcap_grace_period"],
    },
    help: "how long a call's file stays open after its last packet",
    details: "For packets that come late. A call is over 30 seconds after its last transaction.",
  },
];
