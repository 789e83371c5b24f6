import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import type { Pattern, PayloadBatch } from "./pattern_backend.ts";
import { WebGpuBackend, type WebGpuOptions } from "./webgpu_backend.ts";

const options: WebGpuOptions = { batchSize: 1_000, software: true, notice: (line) => assert.fail(line) };
const encoder = new TextEncoder();

function patterns(...texts: readonly string[]): Pattern[] {
  return texts.map((text) => ({ text: encoder.encode(text), kind: "contains" }));
}

function batchOf(count: number, textOf: (number: number) => string): PayloadBatch {
  const payloads = Array.from({ length: count }, (_, number) => encoder.encode(textOf(number)));
  let length = 0;
  const ends = Uint32Array.from(payloads, (payload) => length += payload.length);
  return { bytes: Uint8Array.from(payloads.flatMap((payload) => [...payload])), ends };
}

/** An adapter that says of itself what `changed` says, and gives the devices of a real one. */
function adapterLike(real: GPUAdapter, changed: Record<string, unknown>): Pick<GPU, "requestAdapter"> {
  const adapter = new Proxy(real, {
    get(target, name) {
      if (typeof name === "string" && name in changed) return changed[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { requestAdapter: () => Promise.resolve(adapter) };
}

const real = await navigator.gpu?.requestAdapter() ?? null;
if (real === null) console.warn("tests of WebGPU are left out: there is no adapter");

function test(what: string, check: (adapter: GPUAdapter) => Promise<void>): void {
  Deno.test({
    name: `webgpu: ${what}`,
    ignore: real === null,
    fn: async () => {
      // An adapter gives one device.
      const adapter = await navigator.gpu.requestAdapter();
      assert.ok(adapter);
      await check(adapter);
    },
  });
}

/** Rejects with an OperatorError like this. */
async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof OperatorError && message.test(error.message));
}

Deno.test("webgpu: without an adapter it says what is missing", async () => {
  await refused(WebGpuBackend.open(options, { requestAdapter: () => Promise.resolve(null) }), /driver/);
  const broken = { requestAdapter: () => Promise.reject(new TypeError("no such thing")) };
  await refused(WebGpuBackend.open(options, broken), /^--gpu-backend webgpu: no such thing$/);
});

test("an adapter that gives no device is named", async (adapter) => {
  const requestDevice = () => Promise.reject(new TypeError("required features are missing"));
  await refused(
    WebGpuBackend.open(options, adapterLike(adapter, { requestDevice })),
    /gives no device: required features are missing$/,
  );
});

test("a program on the CPU is no adapter unless asked for", async (adapter) => {
  const info = { isFallbackAdapter: true, description: "soft" };
  const gpu = adapterLike(adapter, { info });
  await refused(WebGpuBackend.open({ ...options, software: false }, gpu), /soft is the only adapter/);
  const backend = await WebGpuBackend.open(options, gpu);
  assert.equal(backend.device, "soft");
  backend.close();
  backend.close();
});

test("a device of small buffers takes what fits, in more launches, and refuses the rest", async (adapter) => {
  const limits = { maxStorageBufferBindingSize: 16_384, maxBufferSize: 16_384 };
  let asked: GPUDeviceDescriptor | undefined;
  const requestDevice = async (descriptor: GPUDeviceDescriptor) => {
    asked = descriptor;
    const device = await adapter.requestDevice();
    return new Proxy(device, {
      get(target, name) {
        if (name === "limits") return limits;
        const value: unknown = Reflect.get(target, name, target);
        if (name === "createBuffer") {
          return (buffer: GPUBufferDescriptor) => {
            assert.ok(buffer.size <= limits.maxBufferSize, `a buffer of ${buffer.size} bytes`);
            return target.createBuffer(buffer);
          };
        }
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
  const backend = await WebGpuBackend.open(options, adapterLike(adapter, { limits, requestDevice }));
  assert.equal(asked?.requiredLimits?.maxStorageBufferBindingSize, limits.maxStorageBufferBindingSize);
  const matcher = await backend.compile(patterns("user77"));
  const { ends, patterns: found } = await matcher.match(
    batchOf(4_000, (number) => `user${number};`.repeat(5)),
  );
  const expected = Array.from(ends.keys()).filter((number) => `${number}`.startsWith("77")).length;
  assert.deepEqual([expected, found.length], [12 - 1, 11]);
  matcher.close();
  await refused(
    backend.compile(patterns(...Array.from({ length: 1_000 }, (_, number) => `pattern ${number}`))),
    /^1000 patterns need an automaton of 1 MiB \(\d+ states\), and 1 MiB is the most/,
  );
  backend.close();
});

test("100,000 patterns are refused before any of the memory is taken", async () => {
  const backend = await WebGpuBackend.open(options);
  const random = Array.from(
    { length: 100_000 },
    (_, number) => `${(number * 2_654_435_761) % 4_294_967_291}.${number}`,
  );
  await refused(
    backend.compile(patterns(...random.map((text) => `sip:${text}@a.long.domain.example.com`))),
    /^100000 /,
  );
  backend.close();
});

test("when the device is lost, the CPU goes on, and one line says so", async (adapter) => {
  const devices: GPUDevice[] = [];
  const requestDevice = async (descriptor: GPUDeviceDescriptor) => {
    const device = await adapter.requestDevice(descriptor);
    devices.push(device);
    return device;
  };
  const lines: string[] = [];
  const backend = await WebGpuBackend.open(
    { ...options, batchSize: 10, notice: (line) => lines.push(line) },
    adapterLike(adapter, { requestDevice }),
  );
  const matcher = await backend.compile(patterns("user7"));
  const batch = batchOf(1_000, (number) => `user${number}`);
  const before = await matcher.match(batch);
  assert.equal(before.patterns.length, 111);
  assert.deepEqual(lines, []);
  const during = matcher.match(batch);
  devices[0]?.destroy();
  assert.deepEqual(await during, before);
  assert.deepEqual(await matcher.match(batch), before);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /the device is lost .*; the CPU goes on from here$/);
  matcher.close();
  backend.close();
});
