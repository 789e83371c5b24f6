import "../../src/runtime/environment.ts";
import assert from "node:assert/strict";
import type { Filter } from "../../src/engine/filter.ts";
import { filterMessage } from "../../src/proto/filter_message.ts";
import { type FilterUpdate, FilterUpdateType } from "../../src/proto/management_messages.ts";
import { managementService } from "../../src/proto/services.ts";
import { channelTo, eventually, startHunter, startProcessor, startScript, welcoming } from "./loopback.ts";

const filter = (id: string, pattern = `${id}.example`, rest: Partial<Filter> = {}): Filter => ({
  id,
  type: "dns_domain",
  pattern,
  targetHunters: [],
  enabled: true,
  description: "",
  ...rest,
});

/** The patterns that a hunter has, as its capture is told them. */
function following(): { patterns: Map<string, string>; onFilters(filters: readonly Filter[]): void } {
  const patterns = new Map<string, string>();
  return {
    patterns,
    onFilters(filters) {
      patterns.clear();
      for (const { id, pattern } of filters) patterns.set(id, pattern);
    },
  };
}

function filterText(
  ...filters: readonly [id: string, type: string, pattern: string, target?: string][]
): string {
  return "filters:\n" +
    filters.map(([id, type, pattern, target]) =>
      `  - id: ${id}\n    type: ${type}\n    pattern: "${pattern}"\n    enabled: true\n` +
      (target === undefined ? "" : `    target_hunters: [${target}]\n`)
    ).join("");
}

Deno.test("changes of the filter file reach the hunters that they are for", async () => {
  const folder = await Deno.makeTempDir();
  const filterFile = `${folder}/filters.yaml`;
  const replace = async (text: string) => {
    await Deno.writeTextFile(`${filterFile}.new`, text);
    await Deno.rename(`${filterFile}.new`, filterFile);
  };
  await replace(filterText(["a", "dns_domain", "a.example"], ["s", "sip_user", "alice"]));
  const { processor, port } = await startProcessor({ filterFile });
  const [one, two] = [following(), following()];
  const hunters = [
    startHunter(port, { id: "one", onFilters: one.onFilters }).hunter,
    startHunter(port, { id: "two", onFilters: two.onFilters }).hunter,
  ];
  const both = (what: string, first: Record<string, string>, second = first) =>
    eventually(
      what,
      () =>
        JSON.stringify([Object.fromEntries(one.patterns), Object.fromEntries(two.patterns)]) ===
          JSON.stringify([first, second]),
    );
  await both("the first filters, of known types only", { a: "a.example" });
  await replace(filterText(["a", "dns_domain", "b.example"], ["b", "FILTER_IP_ADDRESS", "192.0.2.1", "two"]));
  await both("a change, and an addition for one", { a: "b.example" }, { a: "b.example", b: "192.0.2.1" });
  await replace(filterText(["a", "dns_domain", "b.example", "two"], ["b", "ip_address", "192.0.2.1", "one"]));
  await both("new targets", { b: "192.0.2.1" }, { a: "b.example" });
  await replace("filters: [{id: broken");
  await Deno.writeTextFile(filterFile, filterText(["b", "dns_domain", "c.example", "one"]));
  await both("a new type, and a removal; the broken file had no effect", { b: "c.example" }, {});
  for (const hunter of hunters) await hunter.stop();
  await processor.stop();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("filters set by a client reach hunters, and the file", async () => {
  const folder = await Deno.makeTempDir();
  const filterFile = `${folder}/filters.yaml`;
  await Deno.writeTextFile(
    filterFile,
    "# the operator's own words\n" + filterText(["a", "dns_domain", "a.example"]),
  );
  const { processor, port } = await startProcessor({ filterFile });
  const table = following();
  const { hunter } = startHunter(port, { onFilters: table.onFilters });
  await eventually("the filter of the file", () => table.patterns.size === 1);
  const client = channelTo(port);
  const update = (message: ReturnType<typeof filterMessage>) =>
    client.unary(managementService.UpdateFilter, message, 5_000);
  assert.deepEqual(await update(filterMessage(filter("b"))), {
    success: true,
    error: "",
    hunters_updated: 1,
  });
  await update(filterMessage(filter("a", "changed.example", { targetHunters: ["hunter-1"] })));
  await eventually("both", () => table.patterns.get("a") === "changed.example" && table.patterns.has("b"));
  const made = await update(filterMessage(filter("", "made.example")));
  assert.ok(made.success);
  const { filters } = await client.unary(managementService.GetFilters, { hunter_id: "" }, 5_000);
  assert.match(filters.find((each) => each.pattern === "made.example")?.id ?? "", /^filter-\d+$/);
  const gone = await client.unary(managementService.DeleteFilter, { filter_id: "b" }, 5_000);
  assert.deepEqual(gone, { success: true, error: "", hunters_updated: 1 });
  await eventually("the deletion", () => !table.patterns.has("b"));
  const text = await Deno.readTextFile(filterFile);
  assert.match(text, /^# the operator's own words\n/);
  assert.match(text, /pattern: "changed\.example"\n {4}target_hunters:\n {6}- "hunter-1"\n/);
  assert.doesNotMatch(text, /b\.example/);
  const failures: [Promise<unknown>, RegExp][] = [
    [client.unary(managementService.DeleteFilter, { filter_id: "b" }, 5_000), /NOT_FOUND/],
    [update({ ...filterMessage(filter("x")), type: 99 as 0 }), /INVALID_ARGUMENT: filter type 99/],
    [
      update(filterMessage(filter("x", "192.168.*", { type: "ip_address" }))),
      /INVALID_ARGUMENT.*"192\.168\.\*"/,
    ],
    [client.unary(managementService.RequestAuthToken, { target_processor_id: "" }, 5_000), /UNIMPLEMENTED/],
  ];
  for (const [call, pattern] of failures) await assert.rejects(call, pattern);
  client.close();
  await hunter.stop();
  await processor.stop();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the hunter upserts, ignores what it cannot use, and reconciles what it missed", async () => {
  const update = (type: FilterUpdateType, message: FilterUpdate["filter"]) => ({
    update_type: type,
    filter: message,
  });
  let subscriptions = 0;
  const { server, port } = await startScript({
    management: {
      ...welcoming,
      RegisterHunter: (_call: unknown, reply: (error: null, response: unknown) => void) =>
        reply(null, {
          accepted: true,
          assigned_id: "assigned",
          filters: [filter("missed"), filter("changed"), filter("stays")].map(filterMessage),
        }),
      SubscribeFilters: (
        call: { request: { hunter_id: string }; write(message: FilterUpdate): void; end(): void },
      ) => {
        assert.equal(call.request.hunter_id, "assigned");
        subscriptions += 1;
        call.write(update(FilterUpdateType.UPDATE_ADD, null));
        call.write(update(FilterUpdateType.UPDATE_MODIFY, filterMessage(filter("unknown-before"))));
        call.write(update(FilterUpdateType.UPDATE_ADD, filterMessage(filter("changed", "new.example"))));
        call.write(
          update(FilterUpdateType.UPDATE_ADD, { ...filterMessage(filter("future")), type: 77 as 0 }),
        );
        call.write(update(FilterUpdateType.UPDATE_DELETE, filterMessage(filter("never-there"))));
        if (subscriptions === 1) call.end();
      },
      GetFilters: (_call: unknown, reply: (error: null, response: unknown) => void) =>
        reply(null, { filters: [filter("stays"), filter("changed", "new.example")].map(filterMessage) }),
    },
    data: {
      StreamPackets: (call: { on(event: "end", end: () => void): void; end(): void; resume(): void }) => {
        call.resume();
        call.on("end", () => call.end());
      },
    },
  });
  const table = following();
  const { hunter, lines } = startHunter(port, { onFilters: table.onFilters });
  await eventually("a second subscription on the same connection", () => subscriptions === 2);
  await eventually(
    "the right filters",
    () => !table.patterns.has("missed") && table.patterns.has("unknown-before"),
  );
  assert.deepEqual(Object.fromEntries(table.patterns), {
    changed: "new.example",
    stays: "stays.example",
    "unknown-before": "unknown-before.example",
  });
  assert.equal(lines.filter((line) => line.includes("registered")).length, 1);
  await hunter.stop();
  server.forceShutdown();
});
