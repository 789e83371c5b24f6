import type { Protocol, Settings } from "../../config/settings.ts";
import type { OutputKind } from "../../engine/chunk.ts";
import type { CaptureFigures } from "../../delivery/capture_figures.ts";
import { type FilterTypeName, filterTypeNames } from "../../engine/filter.ts";
import type { StreamOptions } from "../../engine/stream_options.ts";
import type { CapturePlan, FilePlan, InterfacePlan } from "../../pipeline/capture_plan.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { hostName } from "../../runtime/host_name.ts";
import { OperatorError } from "../../runtime/operator_error.ts";
import { ConsoleSink } from "../../sinks/console_sink.ts";
import { PcapFileSink } from "../../sinks/pcap_file_sink.ts";
import type { Sink } from "../../pipeline/sink.ts";
import { lostBeforeSinks } from "../drop_reasons.ts";
import { terminalColumns } from "../terminal_width.ts";
import { isMonitored } from "./monitoring.ts";
import type { FilterControl } from "./filter_control.ts";

/**
 * Bytes per wire piece, at most. Well below the 10 MiB that a gRPC message may have, so that a batch of several
 * pieces has room, too.
 */
export const PIECE_BYTES = 1 << 20;

/** Time between two reports of a capture, ms. */
const REPORT_MS = 1000;

/** What the capture thread is to do for these settings, and for sinks that need `outputs`. */
export function capturePlan(
  settings: Settings,
  outputs: readonly OutputKind[],
  filters: FilterControl,
): CapturePlan {
  const inputs: (FilePlan | InterfacePlan)[] = settings.readFiles.length > 0
    ? settings.readFiles.map((path) => ({ kind: "file", path }))
    : settings.interfaces.map((name) => ({
      kind: "interface",
      name,
      promiscuous: settings.promiscuous,
      snapLength: settings.snapLength,
      bufferSize: settings.pcapBufferSize,
      timeoutMs: settings.pcapTimeoutMs,
    }));
  return {
    inputs,
    filters: filters.capture,
    standIns: [],
    engine: {
      ...streamOptions(settings),
      outputs,
      protocol: settings.protocol,
      dnsPorts: settings.dnsPorts,
      udpOnly: settings.protocol === "voip" ? settings.sipUdpOnly : settings.udpOnly,
      detectTunneling: settings.detectTunneling,
      batchPackets: settings.batchSize,
      batchBytes: PIECE_BYTES,
      limit: settings.count,
    },
    reportMs: REPORT_MS,
    reportsTraffic: isMonitored(settings),
  };
}

/** Nothing else goes to the capture thread. */
function streamOptions(settings: StreamOptions): StreamOptions {
  const { espNull, espHeuristic, espIcvSize, maxFlows, tcpProfile, tcpStrategy, tcpStateTimeouts } = settings;
  const { patternAlgorithm, patternBufferMb } = settings;
  const { tcpOpeningTimeoutMs, tcpEstablishedTimeoutMs, tcpClosingTimeoutMs, tcpIdleTimeoutMs } = settings;
  const { tcpCallAwareTimeout, maxCalls, rtpLines } = settings;
  return {
    ...{ espNull, espHeuristic, espIcvSize, maxFlows, tcpProfile, tcpStrategy, tcpStateTimeouts },
    ...{ patternAlgorithm, patternBufferMb },
    ...{ tcpOpeningTimeoutMs, tcpEstablishedTimeoutMs, tcpClosingTimeoutMs, tcpIdleTimeoutMs },
    ...{ tcpCallAwareTimeout, maxCalls, rtpLines },
  };
}

/** The sinks that the operator asked for with flags: packets on standard output, a capture file. */
export async function localSinks(settings: Settings): Promise<Sink[]> {
  const sinks: Sink[] = [];
  if (settings.writeFile !== undefined) {
    sinks.push(await PcapFileSink.open(settings.writeFile, settings.readFiles));
  }
  if (settings.perCallPcap) {
    const { perCallPcapDir: folder, perCallPcapPattern: pattern, pcapGracePeriodMs: graceMs } = settings;
    const { CallPcapSink } = await import("../../sinks/call_pcap_sink.ts");
    sinks.push(CallPcapSink.open({ folder, pattern, graceMs }));
  }
  // Packets of two kinds would be mixed on one stream.
  if (!settings.quiet && settings.writeFile !== "-") sinks.push(...await consoleSinks(settings));
  return sinks;
}

/** What is printed: packets, and of VoIP the calls after them or in their place. */
async function consoleSinks({ protocol, calls, format }: Settings): Promise<Sink[]> {
  if (format === "json" || protocol !== "voip") return [new ConsoleSink(calls ? "calls" : format)];
  const { CallTextSink } = await import("../calls/call_text_sink.ts");
  return calls
    ? [new CallTextSink("each", outputColumns)]
    : [new ConsoleSink(format), new CallTextSink("at the end", outputColumns)];
}

/** Width of a table for whom the output is no terminal's. */
const FILE_COLUMNS = 132;

function outputColumns(): number {
  return Deno.stdout.isTerminal() ? terminalColumns() : FILE_COLUMNS;
}

/** Each output once. */
export function outputsOf(sinks: readonly Sink[]): OutputKind[] {
  return [...new Set(sinks.flatMap((sink) => sink.needs))];
}

const filterTypesOfProtocol: Readonly<Record<Protocol, readonly FilterTypeName[]>> = {
  all: filterTypeNames,
  dns: ["bpf", "ip_address", "dns_domain"],
  voip: ["bpf", "ip_address", "sip_user", "phone_number", "call_id", "codec", "sip_uri", "imsi", "imei"],
};

/** The filter types that this hunter applies, by their names on the wire. */
export function filterTypesOf(settings: Settings): FilterTypeName[] {
  return [...filterTypesOfProtocol[settings.protocol]];
}

/**
 * The id of this node: the one that was given, or the host name.
 * @param fallback for a node that need not be told from others, where the host name cannot be read
 */
export function nodeId(settings: Settings, fallback?: string): string {
  const id = settings.id ?? hostName() ?? fallback;
  if (id !== undefined) return id;
  throw new OperatorError(
    "this machine's host name cannot be read: name the node with --id, or add --allow-ffi or --allow-sys=hostname",
    2,
  );
}

/** What a capture tells its processor. */
export function captureFigures(pipeline: Pipeline | undefined, failed: boolean): CaptureFigures {
  const progress = pipeline?.progress;
  return {
    captured: progress?.engine.packets ?? 0,
    matched: progress?.engine.kept ?? 0,
    dropped: lostBeforeSinks(progress),
    failed,
    filters: {
      active: pipeline?.filterReport?.active ?? 0,
      refused: pipeline?.filterReport?.refused.length ?? 0,
    },
  };
}
