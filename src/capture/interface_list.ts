import { messageOf } from "../runtime/operator_error.ts";
import { CaptureHandle } from "./capture_handle.ts";
import type { NetworkInterface } from "./interfaces.ts";
import { libpcap } from "./libpcap.ts";

/** Why this process cannot capture on the first of `interfaces` that is up; undefined when it can. */
export function captureWarning(interfaces: readonly NetworkInterface[]): string | undefined {
  const first = interfaces.find((each) => each.up);
  if (first === undefined) return "no interface is up";
  try {
    const options = { snapLength: 64, promiscuous: false, timeoutMs: 1, bufferSize: 1 << 16 };
    new CaptureHandle(libpcap("live capture"), first.name, options).close();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The interfaces as a JSON document, keys as lippycat's `list interfaces --json` has them, and more. */
export function interfacesAsJson(interfaces: readonly NetworkInterface[], warning?: string): string {
  return JSON.stringify(
    {
      interfaces: interfaces.map(({ name, description, addresses, up, running, loopback }) => ({
        name,
        description,
        addresses: addresses.map(({ ip, prefixLength }) => ({ ip, prefix_len: prefixLength })),
        up,
        running,
        loopback,
      })),
      warning,
    },
    undefined,
    2,
  );
}

/** The interfaces as a table for people, one line each after a heading. */
export function interfacesAsText(interfaces: readonly NetworkInterface[]): string {
  const rows = interfaces.map((each) =>
    [
      each.name,
      [
        each.up ? "up" : "down",
        ...(each.up && !each.running ? ["no link"] : []),
        ...(each.loopback ? ["loopback"] : []),
      ]
        .join(", "),
      each.addresses.map(({ ip, prefixLength }) => `${ip}/${prefixLength}`).join(", ") || "-",
      each.description,
    ].map(printable)
  );
  const table = [["NAME", "STATE", "ADDRESSES", "DESCRIPTION"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd())
    .join("\n");
}

/** Control characters, which the kernel allows in names, in visible form. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
