import { deepEqual, equal } from "node:assert/strict";
import { udpFrame } from "../../tests/live/frame.ts";
import { libpcapObstacle, openLibpcap } from "../../tests/live/libpcap_library.ts";
import { combine, dnsExpression, fragmentClause, kernelExpression, type KernelFilterParts } from "./bpf.ts";
import { compileForFiles } from "./bpf_program.ts";
import { exclusionExpression } from "./own_traffic.ts";

const obstacle = libpcapObstacle();
if (obstacle !== undefined) console.log(`tests that compile BPF are skipped: ${obstacle}`);

const nothing: KernelFilterParts = { mode: "", base: "", pushed: [], exclusion: "", fragments: false };

Deno.test("DNS expressions", () => {
  const cases: [number[], boolean, string][] = [
    [[53], false, "(udp or tcp) and (port 53)"],
    [[53], true, "udp and (port 53)"],
    [[53, 5353], false, "(udp or tcp) and (port 53 or port 5353)"],
    [[53, 5353], true, "udp and (port 53 or port 5353)"],
  ];
  for (const [ports, udpOnly, expected] of cases) equal(dnsExpression(ports, udpOnly), expected);
});

Deno.test("pushed, local and excluded expressions are joined as on the fleet", () => {
  const cases: [string, string[], string, string][] = [
    ["", [], "", ""],
    ["B", [], "", "B"],
    ["", [], "X", "X"],
    ["B", [], "X", "(B) and (X)"],
    ["", ["p"], "", "(p)"],
    ["B", ["p"], "", "((p)) and (B)"],
    ["", ["p", "q"], "X", "((p) or (q)) and (X)"],
    ["B", ["p", "", "q"], "X", "((p) or (q)) and ((B) and (X))"],
    ["B", [""], "X", "(B) and (X)"],
  ];
  for (const [local, pushed, exclusion, expected] of cases) {
    equal(combine(local, pushed, exclusion), expected);
  }
});

Deno.test("kernel expressions", () => {
  const dns = "udp and (port 53)";
  const cases: [Partial<KernelFilterParts>, string][] = [
    [{}, ""],
    [{ base: "host 192.0.2.1" }, "host 192.0.2.1"],
    [{ mode: dns, base: "host 192.0.2.1" }, `(${dns}) and (host 192.0.2.1)`],
    [
      { mode: dns, base: "not net 10.0.0.0/8", exclusion: "X" },
      `((${dns}) and (not net 10.0.0.0/8)) and (X)`,
    ],
    [{ mode: dns, fragments: true }, `(${dns}) or ${fragmentClause}`],
    [{ fragments: true }, ""],
    // What an operator's own vlan keyword changes for all that follows it.
    [{ mode: dns, base: "vlan 5", exclusion: "X" }, `(X) and ((vlan 5) and (${dns}))`],
    [{ mode: dns, pushed: ["vlan 5", "tcp"] }, `((tcp) or (vlan 5)) and (${dns})`],
  ];
  for (const [parts, expected] of cases) {
    equal(kernelExpression({ ...nothing, ...parts }).withoutVlan, expected);
  }
});

Deno.test("VLAN tags are looked behind only where a protocol is asked for", () => {
  const same = (parts: Partial<KernelFilterParts>) => {
    const { text, withoutVlan } = kernelExpression({ ...nothing, ...parts });
    return text === withoutVlan;
  };
  equal(same({ base: "port 53" }), true);
  equal(same({ mode: "udp", base: "vlan 5" }), true);
  equal(same({ mode: "udp", base: "port 53" }), false);
});

Deno.test({
  name: "kernel expressions select what they say",
  ignore: obstacle !== undefined,
  fn: () => {
    const library = openLibpcap({
      bpf_filter: { parameters: ["buffer", "buffer", "u32", "u32"], result: "u32" },
    });
    const dns = (number: number, tags: [number, number][] = []) =>
      udpFrame({ number, destinationPort: 53, payloadLength: 20, tags });
    const tagged = dns(0, [[0x8100, 7]]);
    const twiceTagged = dns(0, [[0x88a8, 7], [0x8100, 8]]);
    const other = udpFrame({ number: 0, destinationPort: 54, payloadLength: 20 });
    const otherTagged = udpFrame({ number: 0, destinationPort: 54, payloadLength: 20, tags: [[0x8100, 7]] });
    const fragment = laterFragment(other);
    const taggedFragment = laterFragment(otherTagged, 4);
    const ownTraffic = withTransport(udpFrame({ number: 0, destinationPort: 55555, payloadLength: 20 }), 6);
    const frames = {
      dns: dns(0),
      tagged,
      twiceTagged,
      other,
      otherTagged,
      fragment,
      taggedFragment,
      ownTraffic,
    };
    const mode = dnsExpression([53], false);
    const exclusion = exclusionExpression(["192.0.2.2"], 55555);
    const cases: [Partial<KernelFilterParts>, (keyof typeof frames)[]][] = [
      [{ mode }, ["dns", "tagged", "twiceTagged"]],
      [{ mode, base: "host 192.0.2.1", exclusion }, ["dns", "tagged", "twiceTagged"]],
      [{ mode, base: "host 192.0.2.7" }, []],
      [{ mode, pushed: ["host 192.0.2.7", "net 192.0.2.0/24"] }, ["dns", "tagged", "twiceTagged"]],
      [{ mode, base: "not host 192.0.2.1" }, []],
      [{ mode, fragments: true }, ["dns", "tagged", "twiceTagged", "fragment", "taggedFragment"]],
      [{ mode, base: "vlan 7" }, ["tagged"]],
      [{ mode, base: "vlan 8" }, []],
      [{ base: "udp port 54", exclusion }, ["other"]],
      [{ exclusion }, ["dns", "tagged", "twiceTagged", "other", "otherTagged", "fragment", "taggedFragment"]],
    ];
    for (const [parts, expected] of cases) {
      const { text } = kernelExpression({ ...nothing, ...parts });
      const program = compileForFiles(text, 65535).get(1);
      const selected = Object.entries(frames)
        .filter(([, frame]) => library.symbols.bpf_filter(program!, frame, frame.length, frame.length) > 0)
        .map(([name]) => name);
      deepEqual(selected, expected, text);
    }
    library.close();
  },
});

/** `frame`, with an IPv4 fragment offset of 8 bytes (RFC 791). */
function laterFragment(frame: Uint8Array<ArrayBuffer>, tagBytes = 0): Uint8Array<ArrayBuffer> {
  const copy = frame.slice();
  copy[14 + tagBytes + 7] = 1;
  return copy;
}

/** `frame`, with another IPv4 protocol. */
function withTransport(frame: Uint8Array<ArrayBuffer>, protocol: number): Uint8Array<ArrayBuffer> {
  const copy = frame.slice();
  copy[14 + 9] = protocol;
  return copy;
}
