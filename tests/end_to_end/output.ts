/** What the program prints, read back. */
import assert from "node:assert/strict";
import type { ProtocolTraffic, Talker } from "../../src/engine/traffic.ts";
import type { DNSMetadata } from "../../src/proto/data_messages.ts";
import { linesOf, run } from "./program.ts";

/** A packet as the program prints it. */
export interface PacketLine {
  readonly timestamp: string;
  readonly capture_length: number;
  readonly original_length: number;
  readonly link_type: number;
  readonly interface_name?: string;
  readonly hunter_id?: string;
  readonly protocol: string;
  readonly src_ip: string;
  readonly dst_ip: string;
  readonly src_port: number;
  readonly dst_port: number;
  readonly transport: string;
  readonly info: string;
  readonly details?: Readonly<Record<string, string>>;
  readonly dns?: DNSMetadata;
  readonly matched_filter_ids?: readonly string[];
}

/** The summary that `--json` writes to standard error. */
export interface SummaryLine {
  readonly packets: number;
  readonly bytes: number;
  readonly kept: number;
  readonly kept_bytes: number;
  readonly seconds: number;
  readonly packets_per_second: number;
  readonly bits_per_second: number;
  readonly drops: Readonly<Record<string, number>>;
  readonly rejected: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly reassembly: Readonly<Record<string, number>>;
  readonly tunnels: Readonly<Record<string, number>>;
  readonly flows: Readonly<Record<string, number>>;
  readonly protocols: readonly ProtocolTraffic[];
  readonly top_talkers: readonly Talker[];
  readonly dns: Readonly<Record<string, number>>;
  readonly delivery?: Readonly<Record<string, number>>;
}

/** One packet per line. */
export function packetsIn(stdout: Uint8Array): PacketLine[] {
  return linesOf(stdout).map((line) => JSON.parse(line));
}

/** As {@link packetsIn}; the last line may still be under way. */
export function packetsSoFar(stdout: Uint8Array): PacketLine[] {
  return packetsIn(stdout.subarray(0, stdout.lastIndexOf(0x0a) + 1));
}

/** The summary: the one JSON object on standard error that counts packets and is no line of the log. */
export function summaryIn(stderr: string): SummaryLine {
  const objects = linesOf(stderr).filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const summaries = objects.filter((object) => "packets" in object && !("level" in object));
  assert.equal(summaries.length, 1, stderr);
  return summaries[0];
}

/** The sum of all counts. */
export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The lines of standard error that the program wrote for the operator, in text form. */
export function messagesIn(stderr: string): string[] {
  return linesOf(stderr).filter((line) => line.startsWith("caracal: "));
}

/** The names that a packet's DNS messages are about, as domain filters see them. */
export function namesIn({ dns, info, details }: PacketLine): string[] {
  if (dns === undefined) return [];
  return [
    dns.query_name,
    ...dns.answers.map(({ name }) => name),
    ...dns.answers.filter(({ type }) => type === "CNAME").map(({ data }) => data),
    // Of several messages in one segment, all but the first are named in the info only.
    ...(details?.["dns.messages"] === undefined ? [] : info.split(/[?;]* |\?$/)),
  ];
}

/** The packets of a capture as `sniff` shows them. */
export async function sniffed(path: string): Promise<PacketLine[]> {
  const { code, stdout, stderr } = await run(["sniff", "dns", "-r", path, "--json"], {
    permissions: ["--allow-read"],
  });
  assert.equal(code, 0, stderr);
  return packetsIn(stdout);
}
