import { type AnyFlag, inSections, shared } from "./flag.ts";
import { boolean, listenAddress, orEmpty, path, text } from "./value_kind.ts";

const services = ["hunt", "tap", "process"] as const;

/** Flags of a program that runs as a service: who may use it, whom it runs as, what it shows to monitoring. */
export const serviceFlags: readonly AnyFlag[] = [
  {
    setting: "apiKey",
    long: "api-key",
    group: "Processor connection",
    kind: orEmpty(text("a key of 1 to 4096 printable characters", 4096), undefined),
    placeholder: "key",
    default: undefined,
    defaultText: "none",
    keys: inSections(["hunt"], "api_key"),
    variable: "LIPPYCAT_API_KEY",
    secret: true,
    help: "key that the processor knows this hunter by",
    details:
      "Other users of the machine can see a command line: the environment or --api-key-file hide it. " +
      "Only sent over TLS.",
  },
  {
    setting: "apiKeyFile",
    long: "api-key-file",
    group: "Processor connection",
    kind: orEmpty(path(), undefined),
    placeholder: "file",
    default: undefined,
    defaultText: "none",
    keys: inSections(["hunt"], "api_key_file"),
    help: "file with the key for --api-key, on its first line",
    details: "Read again for each connection.",
  },
  {
    setting: "apiKeyAuth",
    long: "api-key-auth",
    group: "Embedded processor",
    kind: boolean(),
    default: false,
    keys: shared(["tap", "process"], "security.api_keys.enabled"),
    help: "admit only hunters and clients with an API key",
    details: "The keys, each for the role hunter, subscriber or admin, are in the configuration file " +
      "(security.api_keys.keys: a list of key, role, description) or in --api-keys-file. Needs TLS.",
  },
  {
    setting: "apiKeysFile",
    long: "api-keys-file",
    group: "Embedded processor",
    kind: orEmpty(path(), undefined),
    placeholder: "file",
    default: undefined,
    defaultText: "none",
    keys: shared(["tap", "process"], "security.api_keys.file"),
    help: "YAML file with the list of keys for --api-key-auth",
    details: "Changes to the file count from then on, for new calls.",
  },
  {
    setting: "metricsListen",
    long: "metrics-listen",
    group: "Service",
    kind: orEmpty(listenAddress(), undefined),
    placeholder: "host:port",
    default: undefined,
    defaultText: "none",
    keys: inSections(services, "metrics_listen"),
    help: "address of /metrics (Prometheus), /healthz and /readyz",
    details:
      "Plain HTTP without authentication: give an address that only monitoring reaches, such as 127.0.0.1:9090.",
  },
  {
    setting: "user",
    long: "user",
    group: "Service",
    kind: orEmpty(text("a user, or user:group, by name or number", 255), undefined),
    placeholder: "user[:group]",
    default: undefined,
    defaultText: "stay who it is",
    keys: inSections(["hunt", "tap", "sniff"], "user"),
    help: "become this user once capture is open",
    details: "For a program started as root: it keeps nothing of root's rights but the open capture.",
  },
];
