import { type AnyFlag, inSections } from "./flag.ts";
import { boolean, choice, duration, integer, path } from "./value_kind.ts";

/** Flags of what a hunter keeps on disk for its processor, and of how long it tries at the end. */
export const deliveryFlags: readonly AnyFlag[] = [
  {
    setting: "diskBuffer",
    long: "disk-buffer",
    group: "Disk buffer",
    kind: boolean(),
    default: false,
    keys: inSections(["hunt"], "disk_buffer.enabled"),
    help: "keep on disk what the processor cannot take now",
    details: "What is in the buffer survives a restart, and is sent first. " +
      "Needs --allow-read and --allow-write for the folder.",
  },
  {
    setting: "diskBufferDir",
    long: "disk-buffer-dir",
    group: "Disk buffer",
    kind: path(),
    placeholder: "folder",
    default: "/var/tmp/caracal-buffer",
    keys: inSections(["hunt"], "disk_buffer.dir"),
    help: "folder of the disk buffer",
    details: "One hunter at a time: the folder is locked. Made when it is not there.",
  },
  {
    setting: "diskBufferMaxMb",
    long: "disk-buffer-max-mb",
    group: "Disk buffer",
    kind: integer(0, 1_048_576, 1024),
    placeholder: "MiB",
    default: 1024,
    keys: inSections(["hunt"], "disk_buffer.max_mb"),
    help: "size limit of the disk buffer",
    details: "0 stands for the default. --disk-buffer-full says what happens at the limit.",
  },
  {
    setting: "diskBufferMode",
    long: "disk-buffer-mode",
    group: "Disk buffer",
    kind: choice("overflow", "write-ahead"),
    placeholder: "mode",
    default: "overflow",
    keys: inSections(["hunt"], "disk_buffer.mode"),
    help: "what goes to disk: overflow or write-ahead",
    details:
      "overflow writes what does not fit into memory, and at the end what could not be sent; a killed " +
      "process loses what is in memory. write-ahead writes every batch before it is sent, and loses nothing.",
  },
  {
    setting: "diskBufferFull",
    long: "disk-buffer-full",
    group: "Disk buffer",
    kind: choice("drop-oldest", "drop-newest"),
    placeholder: "policy",
    default: "drop-newest",
    keys: inSections(["hunt"], "disk_buffer.when_full"),
    help: "what is dropped when the disk buffer is full: drop-oldest or drop-newest",
    details: "What is dropped is counted.",
  },
  {
    setting: "diskBufferSync",
    long: "disk-buffer-sync",
    group: "Disk buffer",
    kind: choice("always", "interval", "never"),
    placeholder: "policy",
    default: "interval",
    keys: inSections(["hunt"], "disk_buffer.sync"),
    help: "when the disk buffer is forced to disk: always, interval or never",
    details:
      "A killed process loses nothing with any of them. When the machine itself goes down, always loses " +
      "nothing that was sent on, interval at most --disk-buffer-sync-interval, never what the system had not " +
      "written yet (some 30 s).",
  },
  {
    setting: "diskBufferSyncIntervalMs",
    long: "disk-buffer-sync-interval",
    group: "Disk buffer",
    kind: duration(10, 3_600_000, 1_000),
    placeholder: "duration",
    default: 1_000,
    defaultText: "1s",
    keys: inSections(["hunt"], "disk_buffer.sync_interval"),
    help: "time between two syncs with --disk-buffer-sync interval",
    details: "From 10ms to 1h; 0 stands for the default.",
  },
  {
    setting: "shutdownTimeoutMs",
    long: "shutdown-timeout",
    group: "Processor connection",
    kind: duration(100, 3_600_000, 10_000),
    placeholder: "duration",
    default: 10_000,
    defaultText: "10s",
    keys: inSections(["hunt"], "shutdown_timeout"),
    help: "longest time from a stop signal to the end",
    details:
      "In this time, what is held for the processor is sent. What is left then stays in the disk buffer, " +
      "or is counted. A second signal ends at once. 0 stands for the default.",
  },
];
