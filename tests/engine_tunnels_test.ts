/** Tunnels and ESP through the engine: what is shown of a packet inside, and what goes on the wire. */
import assert from "node:assert/strict";
import type { Filter, FilterTypeName } from "../src/engine/filter.ts";
import type { JsonPacket, RunOptions } from "./engine_run.ts";
import { ethernetFrame, fragments, ipPacket, links, udpPacket, vlanFrame } from "./fragment_frames.ts";
import { type Ends, ends, linkType, pcapFile, query, record } from "./frames.ts";
import { observe, type Observed } from "./layers_run.ts";
import { espNull, gre, greOf, routers, type TunnelFrame, tunnels, vxlan, vxlanOf } from "./tunnel_frames.ts";

const START = 1_700_000_000_000_000_000n;

const inner4 = ends({ source: "10.1.0.2", destination: "10.1.0.1" });
const inner6 = ends({ source: "2001:db8:0:0:0:0:1:2", destination: "2001:db8:0:0:0:0:1:1" });

/** Frames a millisecond apart. */
function capture(frames: readonly Uint8Array[], link = linkType.ethernet as number): Uint8Array {
  const records = frames.map((frame, at) => record(frame, START + BigInt(at) * 1_000_000n));
  return pcapFile(records, { linkType: link, nanoseconds: true });
}

/** The packet inside a tunnel: a DNS query. */
function content({ carriesIpv6 }: Partial<TunnelFrame>, name = "www.example.com"): Uint8Array {
  return udpPacket(query(7, name, 1), carriesIpv6 ? inner6 : inner4);
}

/** It in its tunnel, as an IP packet. */
function wrapped(tunnel: TunnelFrame, packet: Uint8Array, between?: Ends): Uint8Array {
  return tunnel.wrap(tunnel.carriesEthernet ? ethernetFrame(packet) : packet, between);
}

function dataOf({ sent }: Observed): Uint8Array[] {
  return sent.map((packet) => packet.data as Uint8Array);
}

function detailsOf(packet: JsonPacket | undefined): Record<string, string> {
  return packet?.details as Record<string, string> ?? {};
}

function tunnelOf(packet: JsonPacket | undefined): unknown[] {
  const details = detailsOf(packet);
  return ["tunnel", "tunnel_id", "tunnel_src_ip", "tunnel_dst_ip"].map((key) => details[key]);
}

function fieldsOf(packet: JsonPacket | undefined, ...names: string[]): unknown[] {
  return names.map((name) => packet?.[name]);
}

function filtered(id: string, type: FilterTypeName, pattern: string): RunOptions {
  const filter: Filter = { id, type, pattern, enabled: true, targetHunters: [], description: "" };
  return { filters: { filters: [filter] } };
}

/** IPv6 addresses as text have no runs of zeroes. */
function shortened(address: string): string {
  return address.replace(/(?::0)+(?=:)/, ":");
}

for (const tunnel of tunnels) {
  const kind = `${tunnel.name}, id ${tunnel.id}${tunnel.carriesEthernet ? ", Ethernet" : ""}`;
  const within = tunnel.carriesIpv6 ? inner6 : inner4;
  const isVxlan = tunnel === vxlan;

  Deno.test(`${kind}: the packet inside is described, and the frame goes out`, () => {
    for (const link of links) {
      const inside = content(tunnel);
      const frame = link.frame(wrapped(tunnel, inside));
      const seen = observe(capture([frame], link.linkType));
      const [packet] = seen.shown;
      assert.deepEqual(
        fieldsOf(packet, "src_ip", "dst_ip", "src_port", "dst_port", "transport", "protocol", "info"),
        [
          shortened(within.source),
          shortened(within.destination),
          within.sourcePort,
          53,
          "UDP",
          "DNS",
          "A www.example.com?",
        ],
      );
      assert.deepEqual(tunnelOf(packet), [tunnel.name, String(tunnel.id), "203.0.113.1", "203.0.113.2"]);
      // The contract has VXLAN taken off, and only that.
      const sent = isVxlan ? ethernetFrame(inside) : frame;
      assert.deepEqual(dataOf(seen), [sent]);
      assert.deepEqual(fieldsOf(packet, "link_type", "capture_length", "original_length"), [
        isVxlan ? linkType.ethernet : link.linkType,
        sent.length,
        sent.length,
      ]);
      assert.deepEqual(
        seen.written.map((one) => [one.data, one.originalLength, one.linkType]),
        [[frame, frame.length, link.linkType]],
      );
      const { tunnelled_packets, vxlan_decapsulated, kept_bytes } = seen.counters;
      assert.deepEqual([tunnelled_packets, vxlan_decapsulated, kept_bytes], [
        1,
        Number(isVxlan),
        frame.length,
      ]);
      assert.equal(seen.traffic.top_talkers[0]?.bytes, frame.length);
    }
  });

  Deno.test(`${kind}: filters look at addresses inside and outside, and at names`, () => {
    const packets = capture([ethernetFrame(wrapped(tunnel, content(tunnel)))]);
    const matching = [
      filtered("inside", "ip_address", within.source),
      filtered("outside", "ip_address", "203.0.113.2"),
      filtered("routers", "ip_address", "203.0.113.0/24"),
      filtered("name", "dns_domain", "*.example.com"),
      { protocol: "dns", dnsPorts: [53] },
    ] as const;
    for (const options of matching) assert.equal(observe(packets, options).shown.length, 1);
    const others = [
      filtered("other", "ip_address", "198.51.100.1"),
      filtered("name", "dns_domain", "example.org"),
      { protocol: "dns", dnsPorts: [54] },
    ] as const;
    for (const options of others) assert.equal(observe(packets, options).shown.length, 0);
  });

  Deno.test(`${kind}: fragments of the packet outside are put together first`, () => {
    for (const link of links) {
      const inside = content(tunnel);
      const outside = wrapped(tunnel, inside);
      const frames = fragments(outside, 24).map(link.frame);
      const seen = observe(capture(frames.toReversed(), link.linkType));
      assert.deepEqual(dataOf(seen), [isVxlan ? ethernetFrame(inside) : link.frame(outside)]);
      assert.deepEqual(seen.written.map((one) => one.data), [link.frame(outside)]);
      assert.deepEqual(fieldsOf(seen.shown[0], "src_port", "protocol"), [within.sourcePort, "DNS"]);
      assert.equal(tunnelOf(seen.shown[0])[0], tunnel.name);
    }
  });

  Deno.test(`${kind}: fragments of the packet inside become a packet`, () => {
    const inside = content(tunnel, `${"long.".repeat(30)}example.com`);
    const frames = fragments(inside, 48).map((piece) => vlanFrame(wrapped(tunnel, piece)));
    const seen = observe(capture(frames));
    const [packet] = seen.shown;
    assert.equal(seen.shown.length, 1);
    assert.deepEqual(fieldsOf(packet, "src_ip", "src_port", "protocol"), [
      shortened(within.source),
      within.sourcePort,
      "DNS",
    ]);
    const { fragments_merged, datagrams_rebuilt } = seen.counters;
    assert.deepEqual([fragments_merged, datagrams_rebuilt], [frames.length, 1]);
    // The datagram has the link layer of its first fragment; what was between them is not there any more.
    assert.deepEqual(dataOf(seen), [vlanFrame(inside)]);
  });

  Deno.test(`${kind}: fragments of the packet inside still have the ends of the tunnel`, () => {
    const inside = content(tunnel, `${"long.".repeat(30)}example.com`);
    const packets = capture(fragments(inside, 48).map((piece) => ethernetFrame(wrapped(tunnel, piece))));
    const [packet] = observe(packets, filtered("outside", "ip_address", "203.0.113.1")).shown;
    assert.deepEqual(tunnelOf(packet), [tunnel.name, String(tunnel.id), "203.0.113.1", "203.0.113.2"]);
  });
}

for (const [name, one, other] of [["VXLAN", vxlan, vxlanOf(9)], ["GRE", gre, greOf(9)]] as const) {
  Deno.test(`${name}: networks with other identifiers have addresses of their own`, () => {
    const inside = content({}, `${"long.".repeat(30)}example.com`);
    const packets = [one, other].map((tunnel) => ethernetFrame(wrapped(tunnel, inside)));
    assert.equal(observe(capture([...packets, ...packets])).traffic.flows.total, 2);
    const pieces = fragments(inside, 96);
    const halves = pieces.map((piece, at) => ethernetFrame(wrapped(at === 0 ? one : other, piece)));
    const { counters } = observe(capture(halves));
    assert.deepEqual([counters.datagrams_rebuilt, counters.fragments_given_up], [0, pieces.length]);
  });
}

Deno.test("tunnels in tunnels: the innermost packet, the outermost ends", () => {
  const inside = content({});
  const packet = wrapped(vxlan, wrapped(gre, inside));
  const seen = observe(capture([ethernetFrame(packet)]));
  assert.deepEqual(tunnelOf(seen.shown[0]), [
    "VXLAN,GRE",
    `${vxlan.id},${gre.id}`,
    "203.0.113.1",
    "203.0.113.2",
  ]);
  assert.deepEqual(fieldsOf(seen.shown[0], "src_ip", "protocol"), [inner4.source, "DNS"]);
  assert.deepEqual(dataOf(seen), [ethernetFrame(wrapped(gre, inside))]);
  // VXLAN that is not the outermost one stays where it is.
  const reversed = ethernetFrame(wrapped(gre, wrapped(vxlan, inside)));
  assert.deepEqual(dataOf(observe(capture([reversed]))), [reversed]);
});

Deno.test("fragments within fragments: of the packet in a tunnel, and of the packets around them", () => {
  const inside = content({}, `${"long.".repeat(30)}example.com`);
  const GRE = 47;
  const outer = fragments(inside, 96).flatMap((piece, identification) =>
    fragments(ipPacket(GRE, gre.wrap(piece).subarray(20), routers, identification), 56)
  );
  const seen = observe(capture(outer.map(ethernetFrame)));
  assert.deepEqual(dataOf(seen), [ethernetFrame(inside)]);
  assert.equal(seen.shown[0]?.protocol, "DNS");
});

Deno.test("a UDP datagram on VXLAN's port that carries no frame goes out as it is", () => {
  const frame = ethernetFrame(
    udpPacket(new TextEncoder().encode("no tunnel at all"), { ...routers, destinationPort: 4789 }),
  );
  const seen = observe(capture([frame]));
  assert.deepEqual(dataOf(seen), [frame]);
  assert.deepEqual([seen.counters.tunnelled_packets, seen.shown[0]?.dst_port], [0, 4789]);
});

const UDP = 17;
const IPV4 = 4;

Deno.test("ESP without encryption: taken off when asked for, and left alone when not", () => {
  const plain = udpPacket(query(7, "www.example.com", 1), routers).subarray(20);
  for (const link of links) {
    const packet = espNull(UDP, plain);
    const frames = [link.frame(packet)];
    const off = observe(capture(frames, link.linkType));
    assert.deepEqual(dataOf(off), frames);
    assert.deepEqual([off.counters.esp_null_decapsulated, off.shown[0]?.dns], [0, undefined]);
    for (const icv of [undefined, 12]) {
      const on = observe(capture(frames, link.linkType), { espNull: true, espIcvSize: icv });
      const expected = link.frame(ipPacket(UDP, plain, routers));
      assert.deepEqual(dataOf(on), [expected]);
      assert.deepEqual(fieldsOf(on.shown[0], "src_ip", "dst_port", "transport", "protocol"), [
        routers.source,
        53,
        "UDP",
        "DNS",
      ]);
      assert.deepEqual(fieldsOf(on.shown[0], "capture_length", "original_length"), [
        expected.length,
        expected.length,
      ]);
      assert.equal(on.counters.esp_null_decapsulated, 1);
    }
    // What does not fit stays as it is.
    assert.deepEqual(
      dataOf(observe(capture(frames, link.linkType), { espNull: true, espIcvSize: 8 })),
      frames,
    );
  }
});

Deno.test("ESP without encryption, in fragments, and with a packet in it", () => {
  const plain = udpPacket(query(7, `${"long.".repeat(20)}example.com`, 1), routers).subarray(20);
  const options = { espNull: true, protocol: "dns", dnsPorts: [53] } as const;
  const pieces = fragments(espNull(UDP, plain), 48).map(ethernetFrame);
  const whole = observe(capture(pieces), options);
  assert.deepEqual(dataOf(whole), [ethernetFrame(ipPacket(UDP, plain, routers))]);
  const tunnelled = observe(capture([ethernetFrame(espNull(IPV4, content({})))]), options);
  assert.deepEqual(fieldsOf(tunnelled.shown[0], "src_ip", "protocol"), [inner4.source, "DNS"]);
  assert.deepEqual(tunnelOf(tunnelled.shown[0]), ["IP-in-IP", "0", routers.source, routers.destination]);
});
