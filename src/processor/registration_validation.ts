import type { HunterRegistration } from "../proto/management_messages.ts";

/** Longest name of a hunter, of its machine, and of an interface, characters. */
const maxNameLength = 255;
/** Longest version and filter type, characters. */
const maxWordLength = 64;
/** Interfaces of a hunter at most. */
const maxInterfaces = 256;
/** Filter types of a hunter at most. */
const maxFilterTypes = 64;

/** Why a hunter cannot register like this, with the name of the field; undefined when it can. */
export function registrationProblem(registration: HunterRegistration): string | undefined {
  const { hunter_id, hostname, interfaces, version, capabilities } = registration;
  const filterTypes = capabilities?.filter_types ?? [];
  if (hunter_id === "") return "hunter_id is empty";
  if (interfaces.length > maxInterfaces) return `interfaces has more than ${maxInterfaces} items`;
  if (filterTypes.length > maxFilterTypes) return `filter_types has more than ${maxFilterTypes} items`;
  const fields: readonly [name: string, texts: readonly string[], maxLength: number][] = [
    ["hunter_id", [hunter_id], maxNameLength],
    ["hostname", [hostname], maxNameLength],
    ["version", [version], maxWordLength],
    ["interfaces", interfaces, maxNameLength],
    ["filter_types", filterTypes, maxWordLength],
  ];
  const tooLong = fields.find(([, texts, maxLength]) => texts.some(({ length }) => length > maxLength));
  return tooLong && `${tooLong[0]} is too long: at most ${tooLong[2]} characters`;
}
