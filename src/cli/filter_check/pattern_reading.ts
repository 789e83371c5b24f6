import { Engine } from "../../engine/engine.ts";
import type { Filter, FilterTypeName } from "../../engine/filter.ts";

/** Where each type looks. */
const places: Readonly<Record<FilterTypeName, string>> = {
  sip_user: "From, To, P-Asserted-Identity and others, request URI",
  phone_number: "From, To, P-Asserted-Identity and others, request URI, digits only",
  ip_address: "of every IP header, tunnels included",
  call_id: "SIP",
  codec: "session descriptions, RTP",
  bpf: "pcap-filter",
  sip_uri: "user@host in From, To, P-Asserted-Identity and others, request URI",
  dns_domain: "questions and answers of DNS",
  email_address: "MAIL FROM, RCPT TO, header fields of mail",
  email_subject: "mail",
  tls_sni: "TLS ClientHello",
  tls_ja3: "TLS ClientHello",
  tls_ja3s: "TLS ServerHello",
  tls_ja4: "TLS ClientHello",
  http_host: "HTTP requests",
  http_url: "HTTP requests",
  imsi: "SIP Authorization, P-Asserted-Identity",
  imei: "SIP Contact",
};

/** What `filter` asks for, in words, as the engine understands it. `Engine.load` must have been called. */
export function meaningOf({ type, pattern }: Filter): string {
  const meaning = type === "bpf"
    ? `the frame passes ${pattern.trim()}`
    : type === "email_subject"
    ? withQuotedText(Engine.patternMeaning(type, pattern))
    : Engine.patternMeaning(type, pattern);
  return `${meaning} (${places[type]})`;
}

/** Subjects have spaces, and words of sentences: where one begins and ends must be seen. */
function withQuotedText(meaning: string): string {
  return meaning.replace(
    /^(subject (?:is|contains|begins with|ends with)) (.*?)( with any text in the place of each \.\.\.)?$/s,
    (_, what, text, remark = "") => `${what} "${text}"${remark}`,
  );
}

/** What a pattern without stars asks of a text. */
type Bare = "contains" | "equals";

/** How the text patterns of a type are read; numbers and the rest have rules of their own. */
const textTypes: Partial<
  Readonly<Record<FilterTypeName, { readonly bare: Bare; readonly escapes: boolean }>>
> = {
  sip_user: { bare: "contains", escapes: true },
  sip_uri: { bare: "equals", escapes: true },
  call_id: { bare: "equals", escapes: true },
  codec: { bare: "equals", escapes: true },
  dns_domain: { bare: "equals", escapes: false },
  email_address: { bare: "equals", escapes: false },
  email_subject: { bare: "equals", escapes: false },
  tls_sni: { bare: "equals", escapes: false },
  http_host: { bare: "equals", escapes: false },
  http_url: { bare: "equals", escapes: false },
};

/** Shorter patterns of digits are whole numbers: as the end of one, a short code would hit many subscribers. */
const shortestNumberEnd = 10;

/**
 * The pattern of `filter` in lower case, cut at its stars: `["", "a", ""]` is contained in the value, `["a"]` is all of
 * it. Undefined for what is no text.
 */
export function partsOf({ type, pattern }: Filter): readonly string[] | undefined {
  // Letters beyond ASCII fit only themselves.
  const trimmed = pattern.trim().replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const textType = textTypes[type];
  if (textType !== undefined) {
    const parts = cutAtStars(withoutFrame(type, trimmed), textType.escapes);
    return parts.length === 1 && textType.bare === "contains" ? ["", ...parts, ""] : parts;
  }
  switch (type) {
    case "phone_number": {
      const number = trimmed.replace(/^(tel|sips?):/, "").replace(/[@;?].*$/, "");
      const digits = number.replace(/[^\d*]/g, "").replace(/^(011|00)(?=\d)/, "");
      if (digits.includes("*")) return digits.split("*");
      return digits.length < shortestNumberEnd ? [digits] : ["", digits];
    }
    case "imsi":
      return [trimmed.replace(/\D/g, "")];
    case "imei":
      return [trimmed.replace(/^urn:.*:/, "").replace(/\D/g, "").slice(0, 14)];
    case "tls_ja3":
    case "tls_ja3s":
    case "tls_ja4":
      return [trimmed];
    default:
      return undefined;
  }
}

/** The pattern without what does not count: scheme and parameters, the last dot of a name, the clock rate of a codec. */
function withoutFrame(type: FilterTypeName, pattern: string): string {
  switch (type) {
    case "sip_user": {
      const user = pattern.replace(/^(sips?|tel):/, "");
      // A telephone number, with + or of seven digits and more, counts without its visual separators.
      return /^\**(?=\+.*\d|(?:\D*\d){7})[+\d(][\d.()-]*\**$/.test(user) ? user.replace(/[-.()]/g, "") : user;
    }
    case "sip_uri":
      return pattern.replace(/^(sips?|tel):/, "").replace(/[;?].*$/, "").replace(/(@.*?):\d+$/, "$1");
    case "codec":
      return pattern.replace(/\s*\/.*$/, "");
    case "dns_domain":
    case "tls_sni":
    case "http_host":
      return pattern.replace(/\.$/, "");
    default:
      return pattern;
  }
}

/** The texts between the stars. */
function cutAtStars(pattern: string, escapes: boolean): string[] {
  const parts = pattern.split(escapes ? /(?<!\\)\*+/ : /\*+/);
  return escapes ? parts.map((part) => part.replaceAll("\\*", "*")) : parts;
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
