/** All sinks, put through the contract. */
import assert from "node:assert/strict";
import type { Chunk } from "../../src/engine/chunk.ts";
import { Processor } from "../../src/processor/processor.ts";
import type { Sink } from "../../src/pipeline/sink.ts";
import { OperatorError } from "../../src/runtime/operator_error.ts";
import { OutputClosed } from "../../src/sinks/byte_output.ts";
import { ConsoleSink } from "../../src/sinks/console_sink.ts";
import { GrpcSink } from "../../src/sinks/grpc_sink.ts";
import { PcapFileSink } from "../../src/sinks/pcap_file_sink.ts";
import { ProcessorSink } from "../../src/sinks/processor_sink.ts";
import { pieceOf, startHunter, startProcessor, TextDecoderOfBatches } from "../control_plane/loopback.ts";
import { recordOf } from "../end_to_end/capture_file.ts";
import { command, Folder, missingCommand, textOf } from "../end_to_end/program.ts";
import { type SinkUnderTest, testSink } from "./sink_contract.ts";

/** Something that can be stalled. */
class Gate {
  #closed = Promise.withResolvers<void>();
  #passing = true;

  get open(): Promise<void> | undefined {
    return this.#passing ? undefined : this.#closed.promise;
  }

  stall(): void {
    this.#passing = false;
  }

  resume(): void {
    this.#passing = true;
    this.#closed.resolve();
    this.#closed = Promise.withResolvers();
  }
}

const line = (number: number) => new TextEncoder().encode(`{"number":${number}}\n`);
const jsonChunk = (number: number): Chunk => ({ packets: 1, bytes: 60, json: line(number) });
const numbersIn = (text: string) => [...text.matchAll(/"number":(\d+)/g)].map(([, number]) => Number(number));

testSink("console sink", { fails: true, closes: true }, () => {
  const gate = new Gate();
  const pieces: string[] = [];
  let failure: Error | undefined;
  const { write } = Deno.stdout;
  // It knows no other output than the process's own.
  Deno.stdout.write = async (bytes) => {
    await gate.open;
    const told = failure;
    failure = undefined;
    if (told !== undefined) throw told;
    // Never all at once: whoever writes has to go on.
    const part = bytes.subarray(0, 10);
    pieces.push(textOf(part));
    return part.length;
  };
  return Promise.resolve({
    sink: new ConsoleSink("json"),
    chunk: jsonChunk,
    arrived: () => Promise.resolve(numbersIn(pieces.join(""))),
    stall: () => gate.stall(),
    resume: () => gate.resume(),
    dropped: () => 0,
    breakDown: () => failure = new Deno.errors.WriteZero("the device is gone"),
    leave: () => failure = new Deno.errors.BrokenPipe("nobody reads"),
    [Symbol.asyncDispose]() {
      Deno.stdout.write = write;
      return Promise.resolve();
    },
  });
});

/** A capture file that is a named pipe, so that its reader can stop reading and go away. */
async function pipedFile(): Promise<SinkUnderTest> {
  const folder = new Folder();
  const path = folder.file("out.pcap");
  await command(["mkfifo", path]);
  // Each side waits for the other.
  const [reader, sink] = await Promise.all([Deno.open(path, { read: true }), PcapFileSink.open(path, [])]);
  const gate = new Gate();
  const pieces: Uint8Array[] = [];
  let reading = true;
  const ended = (async () => {
    const buffer = new Uint8Array(65_536);
    while (reading) {
      await gate.open;
      const read = await reader.read(buffer).catch(() => null);
      if (read === null) return;
      pieces.push(buffer.slice(0, read));
    }
  })();
  const close = () => {
    reading = false;
    try {
      reader.close();
    } catch {
      // It was closed before.
    }
  };
  return {
    sink,
    chunk: (number) => ({ packets: 1, bytes: 1_000, pcap: record(number), pcapLinkType: 1 }),
    async arrived() {
      await ended;
      return recordsIn(pieces);
    },
    stall: () => gate.stall(),
    resume: () => gate.resume(),
    dropped: () => 0,
    breakDown: () => assert.fail("a pipe does not break"),
    leave: close,
    async [Symbol.asyncDispose]() {
      gate.resume();
      close();
      await sink.close().catch(() => {});
      await ended;
      folder[Symbol.dispose]();
    },
  };
}

const recordBytes = 16 + 1_000;

function record(number: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(1_000);
  new DataView(frame.buffer).setUint32(0, number);
  return new Uint8Array(recordOf({ timeNs: 0n, frame, originalLength: frame.length }));
}

function recordsIn(pieces: readonly Uint8Array[]): number[] {
  const file = new Uint8Array(pieces.flatMap((piece) => [...piece]));
  const view = new DataView(file.buffer);
  assert.equal(view.getUint32(0, true), 0xa1b23c4d);
  assert.equal((file.length - 24) % recordBytes, 0);
  return Array.from(
    { length: (file.length - 24) / recordBytes },
    (_, at) => view.getUint32(24 + at * recordBytes + 16),
  );
}

const missing = missingCommand("mkfifo");
const obstacle = missing === undefined ? undefined : `${missing} is not installed`;
testSink("capture file sink", { closes: true, obstacle }, pipedFile);

testSink("grpc sink for a file", {}, () => grpc(false));
testSink("grpc sink for a live capture", { drops: true }, () => grpc(true));

async function grpc(live: boolean): Promise<SinkUnderTest> {
  const { processor, port, sink: far } = await startProcessor();
  const { hunter } = startHunter(port, {
    limits: {
      queue: { batches: 100, packets: 1_000_000, bytes: 1e9 },
      window: { batches: 4, bytes: 1_000_000 },
    },
  });
  const gate = new Gate();
  const sink = new GrpcSink(hunter, { packets: 3, bytes: 10_000, milliseconds: 60_000 }, live, 10_000);
  return {
    sink,
    chunk: (number) => ({ packets: 1, bytes: 10, wire: [pieceOf(`{"number":${number}}`)] }),
    arrived: () => Promise.resolve(numbersIn(far.texts.join("\n"))),
    stall() {
      gate.stall();
      far.gate = gate.open;
    },
    resume: () => gate.resume(),
    dropped: () => Object.values(hunter.outbox.dropped).reduce((sum, { packets }) => sum + packets, 0),
    breakDown: () => assert.fail("a processor is only away"),
    leave: () => assert.fail("a processor is only away"),
    async [Symbol.asyncDispose]() {
      gate.resume();
      await hunter.stop();
      await processor.stop();
    },
  };
}

/** The sink of a processor that captures itself: fails as the processor's own sink does. */
testSink("processor sink", { fails: true, closes: true }, () => {
  const gate = new Gate();
  const pieces: Uint8Array[] = [];
  let failure: Error | undefined;
  const far: Sink = {
    name: "far",
    needs: ["json"],
    async write(chunk) {
      await gate.open;
      const told = failure;
      failure = undefined;
      if (told !== undefined) throw told;
      if (chunk.json !== undefined) pieces.push(chunk.json.slice());
    },
    close: () => Promise.resolve(),
  };
  const processor = new Processor({
    id: "p",
    listen: undefined,
    security: () => assert.fail("it does not listen"),
    maxHunters: 1,
    maxSubscribers: 1,
    filterFile: undefined,
    decoder: new TextDecoderOfBatches(),
    sinks: [far],
    onSinkFailure: () => {},
  });
  return Promise.resolve({
    sink: new ProcessorSink(processor),
    chunk: jsonChunk,
    arrived: () => Promise.resolve(numbersIn(pieces.map(textOf).join(""))),
    stall: () => gate.stall(),
    resume: () => gate.resume(),
    dropped: () => 0,
    breakDown: () => failure = new OperatorError("writing to far failed"),
    leave: () => failure = new OutputClosed("far was closed by its reader"),
    [Symbol.asyncDispose]: () => processor.stop(),
  });
});
