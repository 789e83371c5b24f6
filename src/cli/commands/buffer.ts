import { type Amount, noAmount, plus } from "../../delivery/batch.ts";
import {
  type Damage,
  type Examination,
  examine,
  type ExaminedSegment,
} from "../../delivery/spool/examination.ts";
import { holderOf, lookInto, openFolder } from "../../delivery/spool/locked_folder.ts";
import { repair } from "../../delivery/spool/repair.ts";
import { amountOf, indexBehind } from "../../delivery/spool/segment.ts";
import type { Settings } from "../../config/settings.ts";
import { type ExitCode, OperatorError } from "../../runtime/operator_error.ts";
import { print } from "../../sinks/byte_output.ts";
import { grouped } from "../number_text.ts";
import { type Column, textTable } from "../text_table.ts";

/** `buffer inspect`: what is in a disk buffer. */
export async function inspectBuffer({ diskBufferDir: folder, json }: Settings): Promise<ExitCode> {
  const found = lookInto(folder, (fileSystem) => examine(fileSystem, false)) ?? noSpool(folder);
  const holder = holderOf(folder);
  await printLines(json ? asJson(found, folder, holder) : asText(found, folder, holder));
  return 0;
}

/** `buffer verify`: reads every record. Exit code 1 when anything is damaged. */
export async function verifyBuffer({ diskBufferDir: folder }: Settings): Promise<ExitCode> {
  const holder = holderOf(folder);
  const found = lookInto(folder, (fileSystem) => examine(fileSystem, true)) ?? noSpool(folder);
  const all = [...found.stateDamages, ...found.segments.flatMap(({ damages }) => damages)];
  const last = found.segments.at(-1)?.name;
  // The rest of what the other process is writing just now.
  const isUnfinished = ({ kind, file }: Damage) => file === last && (kind === "tail" || kind === "header");
  const damages = holder === undefined ? all : all.filter((damage) => !isUnfinished(damage));
  const { batches, packets } = total(found.segments);
  await printLines([
    ...damages.map(damageLine),
    ...found.foreign.map((file) => `${file}: not of this buffer, not looked at`),
    ...holder === undefined ? [] : [`in use by ${holder}`],
    `${grouped(batches)} good batches with ${
      grouped(packets)
    } packets in ${found.segments.length} segments, ` +
    (damages.length === 0 ? "no damage" : `${damages.length} damaged places`),
  ]);
  return damages.length === 0 ? 0 : 1;
}

/** `buffer repair`: makes what is damaged whole, as far as that can be. */
export async function repairBuffer({ diskBufferDir: folder }: Settings): Promise<ExitCode> {
  // Opening makes and locks a folder; there must be a spool before.
  lookInto(folder, (fileSystem) => examine(fileSystem, false)) ?? noSpool(folder);
  const done = openFolder(folder, (fileSystem) => {
    const lines = repair(fileSystem);
    fileSystem.close();
    return lines;
  });
  await printLines(done === undefined || done.length === 0 ? ["nothing to repair"] : done);
  return 0;
}

function noSpool(folder: string): never {
  throw new OperatorError(
    `${folder} is no disk buffer: it holds neither segments nor the file that names one`,
  );
}

async function printLines(lines: readonly string[]): Promise<void> {
  await print(lines.map((line) => `${line}\n`).join(""));
}

function damageLine({ file, offset, bytes, what }: Damage): string {
  return `${file}: byte ${offset}: ${bytes === 0 ? "" : `${bytes} bytes, `}${what}`;
}

function total(segments: readonly ExaminedSegment[]): Amount {
  return segments.reduce((sum, { records }) => plus(sum, amountOf(records)), noAmount);
}

/** What is not acknowledged. */
function waiting({ segments, cursor }: Examination): Amount {
  return segments.reduce(
    (sum, { records }) => plus(sum, amountOf(records.slice(indexBehind(records, cursor ?? 0n)))),
    noAmount,
  );
}

function timeText(ns: bigint | undefined): string {
  const ms = ns === undefined ? NaN : Number(ns / 1_000_000n);
  // Beyond what a date can be, it is no time.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : "";
}

const columns: readonly Column<ExaminedSegment>[] = [
  { name: "SEGMENT", text: ({ name }) => name, align: "left" },
  { name: "BATCHES", text: ({ records }) => grouped(records.length), align: "right" },
  { name: "PACKETS", text: ({ records }) => grouped(amountOf(records).packets), align: "right" },
  { name: "BYTES", text: ({ fileBytes }) => grouped(fileBytes), align: "right" },
  { name: "FIRST", text: ({ records }) => String(records[0]?.sequence ?? ""), align: "right" },
  { name: "LAST", text: ({ records }) => String(records.at(-1)?.sequence ?? ""), align: "right" },
  { name: "FROM", text: ({ records }) => timeText(records[0]?.closedNs), align: "left" },
  { name: "TO", text: ({ records }) => timeText(records.at(-1)?.closedNs), align: "left" },
  { name: "DAMAGES", text: ({ damages }) => String(damages.length), align: "right" },
];

function asText(found: Examination, folder: string, holder: string | undefined): string[] {
  const { batches, packets } = total(found.segments);
  const left = waiting(found);
  const facts: [name: string, value: string][] = [
    ["folder", folder],
    ["id", found.id ?? "unknown"],
    ["in use by", holder ?? "nobody"],
    ["batches", `${grouped(batches)} with ${grouped(packets)} packets`],
    ["waiting", `${grouped(left.batches)} with ${grouped(left.packets)} packets`],
    ["acknowledged", found.cursor === undefined ? "nothing" : `up to batch ${found.cursor}`],
    ["next run from", found.nextRun === undefined ? "unknown" : `batch ${found.nextRun}`],
    ...found.stateDamages.map((damage): [string, string] => ["damaged", damageLine(damage)]),
    ...found.foreign.map((name): [string, string] => ["not of it", name]),
    ...found.setAside.map((name): [string, string] => ["set aside", name]),
  ];
  const lines = facts.map(([name, value]) => `${`${name}:`.padEnd(15)} ${value}`);
  return found.segments.length === 0 ? lines : [...lines, "", ...textTable(columns, found.segments)];
}

/** Sequences are text: they are beyond what all readers of JSON keep exactly. */
function asJson(found: Examination, folder: string, holder: string | undefined): string[] {
  const segments = found.segments.map(({ name, fileBytes, records, damages }) => {
    const [first, last] = [records[0], records.at(-1)];
    return {
      name,
      batches: records.length,
      packets: amountOf(records).packets,
      bytes: fileBytes,
      first: first === undefined ? null : String(first.sequence),
      last: last === undefined ? null : String(last.sequence),
      from: timeText(first?.closedNs) || null,
      to: timeText(last?.closedNs) || null,
      damages,
    };
  });
  const document = {
    folder,
    id: found.id ?? null,
    in_use_by: holder ?? null,
    cursor: found.cursor === undefined ? null : String(found.cursor),
    next_run: found.nextRun === undefined ? null : String(found.nextRun),
    held: total(found.segments),
    waiting: waiting(found),
    damages: found.stateDamages,
    foreign: found.foreign,
    set_aside: found.setAside,
    segments,
  };
  return [JSON.stringify(document, null, 2)];
}
