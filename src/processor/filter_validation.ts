import { isIP } from "node:net";
import type { Filter, FilterTypeName } from "../engine/filter.ts";

/** Longest id, pattern and description of a filter, characters. */
const maxLength = 4_096;

/** What a pattern of a type must look like, and how that is said. */
const forms: Partial<Record<FilterTypeName, readonly [RegExp, string]>> = {
  phone_number: [/^(tel:)?(?=.*[\d*])[\d\s()+.*/-]+$/i, "a telephone number, or part of one with *"],
  tls_ja3: [/^[0-9a-f]{32}$/i, "32 hexadecimal digits"],
  tls_ja3s: [/^[0-9a-f]{32}$/i, "32 hexadecimal digits"],
  tls_ja4: [
    /^[tqd][0-9a-z]{2,}_[0-9a-f]{12}_[0-9a-f]{12}$/,
    "a fingerprint like t13d1516h2_8daaf6152771_b186095e22bb",
  ],
  imsi: [/^\d{15}$/, "15 digits"],
  imei: [/^\d{14,16}$/, "14 to 16 digits"],
};

/** Why `filter` cannot be used; undefined when it can. BPF expressions are compiled, and judged, by the hunters. */
export function filterProblem(filter: Filter): string | undefined {
  if (filter.id === "") return "the filter has no id";
  if (filter.pattern.trim() === "") return `filter ${filter.id} has no pattern`;
  if ([filter.id, filter.pattern, filter.description].some((text) => text.length > maxLength)) {
    return `filter ${filter.id.slice(0, 64)} is too long: at most ${maxLength} characters per field`;
  }
  const quoted = `filter ${filter.id}: "${filter.pattern}" is not`;
  if (filter.type === "ip_address" && !isAddressOrPrefix(filter.pattern.trim())) {
    return `${quoted} an address or a prefix such as 192.0.2.0/24`;
  }
  const form = forms[filter.type];
  return form === undefined || form[0].test(filter.pattern.trim()) ? undefined : `${quoted} ${form[1]}`;
}

function isAddressOrPrefix(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return length === undefined || /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}
