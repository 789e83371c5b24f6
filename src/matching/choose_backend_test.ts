import "../runtime/environment.ts";
import assert from "node:assert/strict";
import { OperatorError } from "../runtime/operator_error.ts";
import { type BackendChoice, chooseBackend } from "./choose_backend.ts";

/** Chooses where there is no adapter: the backend's name, what was said, and how often an adapter was asked for. */
async function choose(choice: BackendChoice): Promise<{ name: string; said: string[]; asked: number }> {
  const said: string[] = [];
  let asked = 0;
  const gpu = {
    requestAdapter: () => {
      asked++;
      return Promise.resolve(null);
    },
  };
  const log = { info: (line: string) => said.push(`info: ${line}`), warn: (line: string) => said.push(line) };
  const backend = await chooseBackend(choice, 10, log, gpu);
  backend.close();
  return { name: backend.name, said, asked };
}

Deno.test("cpu-simd asks nobody for an adapter", async () => {
  assert.deepEqual(await choose("cpu-simd"), { name: "cpu-simd", said: [], asked: 0 });
});

Deno.test("auto says in one line of no importance that there is no adapter, and is the engine", async () => {
  const { name, said, asked } = await choose("auto");
  assert.deepEqual([name, asked, said.length], ["cpu-simd", 1, 1]);
  assert.match(
    said[0] ?? "",
    /^info: --gpu-backend auto: patterns are searched for by the engine \(no adapter was found/,
  );
});

Deno.test("webgpu without an adapter is refused", async () => {
  await assert.rejects(
    choose("webgpu"),
    (error) =>
      error instanceof OperatorError && error.exitCode === 1 &&
      /^--gpu-backend webgpu: no adapter was found: .*Vulkan/.test(error.message),
  );
});
