import assert from "node:assert/strict";
import { SystemSampler } from "./system_metrics.ts";

Deno.test("processor time is percent of one core since the last sample", () => {
  const sources = { time: 0, cpu: 1_000_000 };
  const sampler = new SystemSampler({
    now: () => sources.time,
    cpuMicroseconds: () => sources.cpu,
    rssBytes: () => 42,
    readText: () => undefined,
  });
  const after = (ms: number, microseconds: number) => {
    sources.time += ms;
    sources.cpu += microseconds;
    return sampler.sample().cpuPercent;
  };
  assert.equal(after(100, 100_000), -1, "too soon to know");
  assert.equal(after(900, 400_000), 50);
  assert.equal(after(10, 10_000), 50, "too soon to know better");
  assert.equal(after(990, 2_490_000), 250, "more than one core");
  assert.equal(after(1000, 0), 0);
  assert.deepEqual(sampler.sample(), {
    cpuPercent: 0,
    cpuSeconds: 4,
    cpuLimitCores: 0,
    memoryRssBytes: 42,
    memoryLimitBytes: 0,
  });
});

Deno.test("limits are read again now and then, and kept when they cannot be", () => {
  let time = 0;
  let files: Record<string, string> = {
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/memory.max": "1000\n",
  };
  const sampler = new SystemSampler({
    now: () => time,
    cpuMicroseconds: () => 0,
    rssBytes: () => 0,
    readText: (path) => files[path],
  });
  const limit = () => sampler.sample().memoryLimitBytes;
  assert.equal(limit(), 1000);
  files["/sys/fs/cgroup/memory.max"] = "2000\n";
  assert.equal(limit(), 1000);
  time += 30_000;
  assert.equal(limit(), 2000);
  files = {};
  time += 30_000;
  assert.equal(limit(), 2000);
});

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test({
  ...onLinux,
  name: "this process, by the C library alone",
  permissions: { ffi: true },
  fn: () => assert.ok(new SystemSampler().sample().memoryRssBytes > 0),
});

Deno.test({
  ...onLinux,
  name: "this process, without any permission",
  permissions: "none",
  fn() {
    const { memoryRssBytes, memoryLimitBytes, cpuLimitCores } = new SystemSampler().sample();
    assert.ok(memoryRssBytes > 0);
    assert.deepEqual([memoryLimitBytes, cpuLimitCores], [0, 0]);
  },
});
