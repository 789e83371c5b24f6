/**
 * A hunter whose network swallows everything for a while; prints what it sent, and what it said of the connection.
 * Usage: half_open_scenario.ts PROCESSOR ROUTER_NAMESPACE busy|idle, in the namespace of the hunter.
 */
import { eventually, numbered, quick, startHunter } from "../control_plane/loopback.ts";
import { command } from "../end_to_end/program.ts";

const [processor = "", router = "", kind = ""] = Deno.args;
const [host = "", port = ""] = processor.split(":");

async function forward(packets: boolean): Promise<void> {
  await command(["ip", "netns", "exec", router, "sysctl", "-qw", `net.ipv4.ip_forward=${packets ? 1 : 0}`]);
}

const { hunter, lines, send } = startHunter(Number(port), {
  host,
  // Who has something on its way misses acknowledgements, who has not misses answers to heartbeats.
  timings: {
    ...quick,
    deadlineMs: 1_000,
    ...kind === "busy" ? { ackTimeoutMs: 1_000 } : { silenceMs: 1_000 },
  },
});
const texts = numbered("packet", 300);
const sendNext = (count: number, from: number) =>
  texts.slice(from, from + count).forEach((text) => send(text));
sendNext(100, 0);
await eventually("the first are acknowledged", () => hunter.outbox.acknowledged.packets === 100);
await forward(false);
const before = lines.length;
if (kind === "busy") sendNext(100, 100);
await eventually("the loss is noticed", () => lines.slice(before).some((line) => /trying again/.test(line)));
sendNext(kind === "busy" ? 100 : 200, kind === "busy" ? 200 : 100);
await forward(true);
await eventually("all are acknowledged", () => hunter.outbox.acknowledged.packets === 300);
await hunter.stop();
console.log(JSON.stringify({ sent: texts, losses: lines.slice(before) }));
