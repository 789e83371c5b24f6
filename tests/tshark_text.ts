/**
 * What tshark 4.0 shows where the engine shows a name or text. It tells less, so the engine's text is turned into its.
 *
 * @module
 */

/** Octets of a name or text as the engine escapes it (RFC 1035 5.1, RFC 4343 2.1). */
function octetsOf(text: string): Uint8Array {
  const octets = [...text.matchAll(/\\(\d{3})|\\(.)|([^\\]+)/gsu)].flatMap(([, decimal, escaped, plain]) =>
    decimal === undefined ? [...new TextEncoder().encode(escaped ?? plain ?? "")] : [Number(decimal)]
  );
  return Uint8Array.from(octets);
}

/** Private characters that stand for overlong forms of ASCII characters until the others have been escaped. */
const OVERLONG = 0xf0000;

/**
 * Dots within labels are not escaped, and octets that are not UTF-8 are U+FFFD; how many of these in a row is not compared.
 * Overlong forms of ASCII characters (C0 or C1 and one octet more) are read as these.
 */
function asUtf8(text: string): string {
  const octets = octetsOf(text).reduce<number[]>((read, octet) => {
    const before = read.at(-1) ?? 0;
    if ((before & 0xfe) === 0xc0 && (octet & 0xc0) === 0x80) {
      const character = String.fromCodePoint(OVERLONG | (before & 1) << 6 | octet & 0x3f);
      read.splice(-1, 1, ...new TextEncoder().encode(character));
    } else read.push(octet);
    return read;
  }, []);
  return oneReplacement(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(octets)));
}

/** A run of U+FFFD as one. */
export const oneReplacement = (text: string) => text.replace(/\ufffd+/g, "\ufffd");

/** As PDML writes it: most control characters are escaped. */
const attribute = (text: string) =>
  text.replace(
    /[\u{f0000}-\u{f007f}]/gu,
    (marked) => String.fromCodePoint((marked.codePointAt(0) ?? 0) - OVERLONG),
  )
    .replace(/[^\P{Cc}\t\n\r\x7f-\x9f]/gu, (control) => `\\x${control.charCodeAt(0).toString(16)}`);

/** Texts of records end at a NUL. */
export const asRecordText = (text: string) => attribute(asUtf8(text).split("\0")[0] ?? "");

/** Owner names do so where they are compressed; else they are as those of questions. */
export const asRecordName = (text: string, theirs = "") =>
  text.includes("\\000") && theirs !== "<Root>" ? asQuestion(text) : asRecordText(text) || "<Root>";

/** Character-strings are ASCII for it. */
export function asCharacterString(text: string): string {
  const ascii = String.fromCharCode(...octetsOf(text)).replace(/[^\p{ASCII}]/gu, "\ufffd");
  return attribute(oneReplacement(ascii).split("\0")[0] ?? "");
}

/** Names of questions: characters that do not print are escaped as in C. */
export function asQuestion(text: string): string {
  const named: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const octal = (control: string) => `\\${control.charCodeAt(0).toString(8).padStart(3, "0")}`;
  return attribute(asUtf8(text).replace(/\p{Cc}/gu, (control) => named[control] ?? octal(control))) ||
    "<Root>";
}

/** What tshark shows, with the characters that its Unicode tables take for unassigned as they are. */
export const unescaped = (text: string) =>
  oneReplacement(text).replace(
    /\\u([0-9A-F]{4})/g,
    (_, code: string) => String.fromCharCode(parseInt(code, 16)),
  );
