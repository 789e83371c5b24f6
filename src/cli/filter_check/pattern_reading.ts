import type { Filter, FilterTypeName } from "../../engine/filter.ts";

/** How the pattern of a filter is understood. */
export interface PatternReading {
  /** What of a packet is looked at, and what is asked of it: the filter in words. */
  readonly words: string;
  /**
   * A text pattern, in lower case, cut at its stars: `["", "a", ""]` is contained in the value, `["a"]` is all of it.
   * Undefined for patterns that are no text with stars.
   */
  readonly parts: readonly string[] | undefined;
}

/** What a pattern without stars asks of a text. */
type Bare = "contains" | "equals";

interface TextType {
  readonly looksAt: string;
  readonly bare: Bare;
  /** `\*` is a star that stands for itself. */
  readonly escapes: boolean;
}

const textTypes: Partial<Readonly<Record<FilterTypeName, TextType>>> = {
  sip_user: {
    looksAt: "the user part of SIP identities (From, To, P-Asserted-Identity and others, request URI)",
    bare: "contains",
    escapes: true,
  },
  sip_uri: {
    looksAt: "user@host of SIP identities, without port and parameters",
    bare: "equals",
    escapes: true,
  },
  call_id: { looksAt: "the SIP Call-ID", bare: "contains", escapes: true },
  codec: { looksAt: "the name of a codec offered or used in a call", bare: "equals", escapes: false },
  dns_domain: { looksAt: "a name in DNS questions or answers", bare: "equals", escapes: false },
  email_address: { looksAt: "sender or recipient of mail", bare: "equals", escapes: false },
  email_subject: { looksAt: "the subject of mail", bare: "equals", escapes: false },
  tls_sni: { looksAt: "the server name of a TLS ClientHello", bare: "equals", escapes: false },
  http_host: { looksAt: "the host of an HTTP request", bare: "equals", escapes: false },
  http_url: { looksAt: "the URL of an HTTP request", bare: "equals", escapes: false },
};

const exactTypes: Partial<Readonly<Record<FilterTypeName, string>>> = {
  tls_ja3: "the JA3 fingerprint of a TLS ClientHello",
  tls_ja3s: "the JA3S fingerprint of a TLS ServerHello",
  tls_ja4: "the JA4 fingerprint of a TLS ClientHello",
  imsi: "the IMSI in SIP headers",
};

/** Shorter patterns of digits are whole numbers: as the end of one, a short code would hit many subscribers. */
const shortestNumberEnd = 10;

/** Reads the pattern of `filter`. */
export function readPattern({ type, pattern }: Filter): PatternReading {
  const trimmed = pattern.trim();
  const textType = textTypes[type];
  if (textType !== undefined) {
    const plain = type === "sip_uri"
      ? trimmed.replace(/^sips?:/i, "")
      : type === "dns_domain"
      ? trimmed.replace(/\.$/, "")
      : trimmed;
    const parts = withBare(cutAtStars(plain, textType.escapes), textType.bare);
    return { words: `${textType.looksAt} ${demandOf(parts)}`, parts };
  }
  const exact = exactTypes[type];
  if (exact !== undefined) {
    const value = type === "imsi" ? trimmed.replace(/\D/g, "") : trimmed.toLowerCase();
    return { words: `${exact} is ${quoted(value)}`, parts: [value] };
  }
  switch (type) {
    case "imei": {
      const value = trimmed.replace(/\D/g, "").slice(0, 14);
      return { words: `the first 14 digits of the IMEI in SIP headers are ${value}`, parts: [value, ""] };
    }
    case "phone_number":
      return readNumber(trimmed);
    case "ip_address":
      return { words: readAddress(trimmed), parts: undefined };
    default:
      return { words: `the frame passes the BPF expression ${quoted(trimmed)}`, parts: undefined };
  }
}

function readNumber(pattern: string): PatternReading {
  const digits = pattern.replace(/^tel:/i, "").replace(/[^\d*]/g, "").replace(/^(00|011)(?=\d)/, "");
  const cut = digits.split("*");
  const looksAt = "the telephone number of SIP identities, digits only,";
  if (cut.length > 1) return { words: `${looksAt} ${demandOf(cut)}`, parts: cut };
  if (digits.length < shortestNumberEnd) {
    const words = `${looksAt} is ${
      quoted(digits)
    } (a pattern under ${shortestNumberEnd} digits is a whole number)`;
    return { words, parts: [digits] };
  }
  return { words: `${looksAt} ends with ${quoted(digits)}`, parts: ["", digits] };
}

function readAddress(pattern: string): string {
  const [address = "", length] = pattern.split("/");
  const width = address.includes(":") ? 128 : 32;
  return length === undefined || Number(length) === width
    ? `source or destination address is ${address}`
    : `source or destination address is in ${pattern}`;
}

/** The texts between the stars. */
function cutAtStars(pattern: string, escapes: boolean): string[] {
  const stars = escapes ? /(?<!\\)\*+/ : /\*+/;
  const parts = pattern.toLowerCase().split(stars);
  return escapes ? parts.map((part) => part.replaceAll("\\*", "*")) : parts;
}

function withBare(parts: readonly string[], bare: Bare): readonly string[] {
  return parts.length === 1 && bare === "contains" ? ["", ...parts, ""] : parts;
}

function demandOf(parts: readonly string[]): string {
  if (parts.length === 1) return `is ${quoted(parts[0])}`;
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  const inner = parts.slice(1, -1).filter((part) => part !== "");
  const demands = [
    ...first === "" ? [] : [`begins with ${quoted(first)}`],
    ...inner.length === 0 ? [] : [`contains ${inner.map(quoted).join(" then ")}`],
    ...last === "" ? [] : [`ends with ${quoted(last)}`],
  ];
  return demands.length === 0 ? "may be anything" : demands.join(" and ");
}

function quoted(text = ""): string {
  return JSON.stringify(text);
}

/** Stands for a star in a text that another pattern is held against: no pattern has it. */
const STAR = "\u{10ffff}";

/** Whether every value that fits the parts of one pattern also fits those of `wider`. May miss some. */
export function covers(wider: readonly string[], narrower: readonly string[]): boolean {
  const value = narrower.join(STAR);
  const [first = "", last = ""] = [wider[0], wider.at(-1)];
  if (wider.length === 1) return value === first;
  if (!value.startsWith(first) || !value.endsWith(last) || value.length < first.length + last.length) {
    return false;
  }
  let at = first.length;
  const end = value.length - last.length;
  for (const part of wider.slice(1, -1)) {
    const found = value.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
