import assert from "node:assert/strict";
import {
  controlGroupLimits,
  controlGroupPaths,
  cpuLimitOf,
  groupAndAncestors,
  memoryLimitOf,
} from "./control_group.ts";

const pathTables: readonly [name: string, text: string, paths: ReturnType<typeof controlGroupPaths>][] = [
  ["version 2 alone", "0::/system.slice/caracal.service\n", {
    unified: "/system.slice/caracal.service",
    memory: undefined,
    cpu: undefined,
  }],
  ["a container with a namespace", "0::/\n", { unified: "/", memory: undefined, cpu: undefined }],
  [
    "version 1, controllers mounted together",
    "12:memory:/docker/0123abc\n4:cpu,cpuacct:/docker/0123abc\n1:name=systemd:/docker/0123abc\n0::/system.slice\n",
    { unified: "/system.slice", memory: "/docker/0123abc", cpu: "/docker/0123abc" },
  ],
  ["a name with colons", "0::/a:b:c\n", { unified: "/a:b:c", memory: undefined, cpu: undefined }],
  ["nothing, and nonsense", "\nx:y\n0:\n::::\n", { unified: undefined, memory: undefined, cpu: undefined }],
];

for (const [name, text, paths] of pathTables) {
  Deno.test(`/proc/self/cgroup: ${name}`, () => assert.deepEqual(controlGroupPaths(text), paths));
}

Deno.test("a group and those around it", () => {
  assert.deepEqual(groupAndAncestors("/a/b"), ["/a/b", "/a", ""]);
  assert.deepEqual(groupAndAncestors("/"), [""]);
  assert.deepEqual(groupAndAncestors("/../../other"), [""]);
});

Deno.test("memory limits as files have them", () => {
  const table: readonly [string, number][] = [
    ["536870912\n", 536_870_912],
    ["max\n", 0],
    ["9223372036854771712\n", 0],
    ["18446744073709551615\n", 0],
    ["0\n", 0],
    ["-1\n", 0],
    ["", 0],
    ["1e3\n", 0],
    ["0x10\n", 0],
  ];
  for (const [text, bytes] of table) assert.equal(memoryLimitOf(text), bytes, JSON.stringify(text));
});

Deno.test("processor limits as files have them", () => {
  const table: readonly [string, number][] = [
    ["max 100000\n", 0],
    ["150000 100000\n", 1.5],
    ["10000 100000\n", 0.1],
    ["0 100000\n", 0],
    ["100000 0\n", 0],
    ["", 0],
    ["100000\n", 0],
  ];
  for (const [text, cores] of table) assert.equal(cpuLimitOf(text), cores, JSON.stringify(text));
});

const limitTables: readonly [string, Readonly<Record<string, string>>, memory: number, cores: number][] = [
  ["no control groups", {}, 0, 0],
  [
    "version 2, the lowest of the group and those around it",
    {
      "/proc/self/cgroup": "0::/kubepods/pod1/box\n",
      "/sys/fs/cgroup/kubepods/pod1/box/memory.max": "max\n",
      "/sys/fs/cgroup/kubepods/pod1/memory.max": "300000000\n",
      "/sys/fs/cgroup/kubepods/memory.max": "4000000000\n",
      "/sys/fs/cgroup/kubepods/pod1/box/cpu.max": "400000 100000\n",
      "/sys/fs/cgroup/kubepods/pod1/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/kubepods/cpu.max": "250000 100000\n",
    },
    300_000_000,
    2.5,
  ],
  [
    "version 2 in a container, without /proc",
    { "/sys/fs/cgroup/memory.max": "1073741824\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n" },
    1_073_741_824,
    0.5,
  ],
  [
    "version 1, nested",
    {
      "/proc/self/cgroup": "5:memory:/user/1\n3:cpu,cpuacct:/user/1\n",
      "/sys/fs/cgroup/memory/user/1/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/user/memory.limit_in_bytes": "536870912\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/cpu,cpuacct/user/1/cpu.cfs_quota_us": "200000\n",
      "/sys/fs/cgroup/cpu,cpuacct/user/1/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_period_us": "100000\n",
    },
    536_870_912,
    2,
  ],
  [
    "version 1 in a container whose path is the host's",
    {
      "/proc/self/cgroup": "5:memory:/docker/0123abc\n0::/docker/0123abc\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
    },
    268_435_456,
    0,
  ],
  [
    "both versions side by side",
    {
      "/proc/self/cgroup": "5:memory:/a\n0::/b\n",
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "200\n",
      "/sys/fs/cgroup/unified/b/memory.max": "100\n",
    },
    100,
    0,
  ],
];

for (const [name, files, memoryBytes, cpuCores] of limitTables) {
  Deno.test(`limits: ${name}`, () =>
    assert.deepEqual(controlGroupLimits((path) => files[path]), { memoryBytes, cpuCores }));
}
