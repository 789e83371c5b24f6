import { captureFlags, dnsFlags } from "./capture_flags.ts";
import { deliveryFlags } from "./delivery_flags.ts";
import { type AnyFlag, belongsTo, type FlagCommand, type FlagValues } from "./flag.ts";
import { flowFlags } from "./flow_flags.ts";
import { nodeFlags, tlsFlags } from "./node_flags.ts";
import { generalFlags, outputFlags } from "./output_flags.ts";
import { serviceFlags } from "./service_flags.ts";
import { matchingFlags } from "./matching_flags.ts";
import { voipFlags } from "./voip_flags.ts";
import type { Protocol } from "./settings.ts";

/** Every flag, in the order of the help. */
export const flags: readonly AnyFlag[] = [
  ...captureFlags,
  ...flowFlags,
  ...matchingFlags,
  ...dnsFlags,
  ...voipFlags,
  ...outputFlags,
  ...nodeFlags,
  ...deliveryFlags,
  ...tlsFlags,
  ...serviceFlags,
  ...generalFlags,
];

/** The flags that `command` with `protocol` takes. */
export function flagsOf(command: FlagCommand, protocol: Protocol): readonly AnyFlag[] {
  return flags.filter((flag) => belongsTo(flag, command, protocol));
}

/** The flag that lands in `setting`. */
export function flagFor(setting: keyof FlagValues): AnyFlag {
  const found = flags.find((flag) => flag.setting === setting);
  if (found === undefined) throw new Error(`no flag lands in ${setting}`);
  return found;
}

/** The flag that each key of the configuration file sets. */
export const flagByKey: ReadonlyMap<string, AnyFlag> = new Map(
  flags.flatMap((flag) => Object.values(flag.keys).flat().map((key) => [key, flag] as const)),
);
