// Writes inputs for the fuzz targets to begin with, made of `fixtures/` and `src/detect/vectors.json`:
//
//     deno run --allow-read --allow-write=wasm/fuzz/corpus wasm/fuzz/seed_corpus.ts
//
// Their layout is that of the targets, which say what their first bytes mean.

const HERE = import.meta.dirname ?? ".";
const CAPTURES = ["dns.pcap", "dns-any.pcap", "dns-vlan.pcap", "dns-tunnel.pcap"];
/** Records per piece of a capture. */
const PIECE = 6;
/** Pieces taken of each capture. */
const MOST_PIECES = 12;

interface Vector {
  transport: string;
  source_port: number | null;
  destination_port: number | null;
  payload: string;
  reverse: boolean;
}

/** Bytes of numbers and of other bytes, one after the other. */
function join(...parts: (number | Uint8Array)[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => typeof part === "number" ? [part] : [...part]));
}

function u16(value: number): Uint8Array {
  return join(value >> 8 & 255, value & 255);
}

function hex(text: string): Uint8Array {
  return new Uint8Array((text.match(/../g) ?? []).map((byte) => parseInt(byte, 16)));
}

let count = 0;
function put(target: string, ...parts: (number | Uint8Array)[]): void {
  const bytes = join(...parts);
  if (bytes.length > 8000) return;
  Deno.mkdirSync(`${HERE}/corpus/${target}`, { recursive: true });
  Deno.writeFileSync(`${HERE}/corpus/${target}/seed-${String(count++).padStart(4, "0")}`, bytes);
}

function ipv4(protocol: number, content: Uint8Array, [from, to]: [number, number] = [1, 2]): Uint8Array {
  const header = join(
    0x45,
    0,
    u16(20 + content.length),
    0,
    1,
    0,
    0,
    64,
    protocol,
    0,
    0,
    10,
    0,
    0,
    from,
    10,
    0,
    0,
    to,
  );
  return join(header, content);
}

function ipv6(next: number, content: Uint8Array): Uint8Array {
  const address = (last: number) => join(0x20, 1, 0x0d, 0xb8, new Uint8Array(11), last);
  return join(0x60, 0, 0, 0, u16(content.length), next, 64, address(1), address(2), content);
}

function udp(source: number, destination: number, content: Uint8Array): Uint8Array {
  return join(u16(source), u16(destination), u16(8 + content.length), 0, 0, content);
}

function tcp(
  source: number,
  destination: number,
  sequence: number,
  flags: number,
  content: Uint8Array,
): Uint8Array {
  const numbers = join(0, 0, u16(sequence), 0, 0, 0, 1, 0x50, flags, 4, 0, 0, 0, 0, 0);
  return join(u16(source), u16(destination), numbers, content);
}

function ethernet(ethertype: number, content: Uint8Array): Uint8Array {
  return join(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, u16(ethertype), content);
}

/** Frames that have `packet`, an IPv4 packet, in a tunnel, beneath labels, or beneath extension headers. */
function wrapped(packet: Uint8Array): Uint8Array[] {
  const over = (protocol: number, content: Uint8Array) => ethernet(0x0800, ipv4(protocol, content));
  const inner = ethernet(0x0800, packet);
  const six = ipv6(4, packet);
  return [
    ethernet(0x8100, join(u16(42), u16(0x0800), packet)),
    ethernet(0x8847, join(0, 1, 0x10, 64, 0, 2, 0x11, 64, packet)),
    ethernet(0x8864, join(0x11, 0, 0, 1, u16(packet.length + 2), 0, 0x21, packet)),
    over(17, udp(40000, 4789, join(8, 0, 0, 0, 0, 0, 5, 0, inner))),
    over(17, udp(40000, 4790, join(0x0c, 0, 0, 1, 0, 0, 5, 0, packet))),
    over(17, udp(40000, 6081, join(0, 0, 0x65, 0x58, 0, 0, 5, 0, inner))),
    over(17, udp(40000, 2152, join(0x30, 0xff, u16(packet.length), 0, 0, 0, 9, packet))),
    over(17, udp(40000, 3544, ipv6(17, udp(1, 2, new Uint8Array(4))))),
    over(17, udp(40000, 1701, join(0, 2, 0, 1, 0, 7, 0xff, 3, 0, 0x21, packet))),
    over(17, udp(40000, 4754, join(0, 0, 8, 0, packet))),
    over(47, join(0x20, 0, 8, 0, 0, 0, 0, 7, packet)),
    over(47, join(0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0, inner)),
    over(47, join(0x30, 1, 0x88, 0x0b, u16(packet.length + 4), 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21, packet)),
    over(4, packet),
    over(41, six),
    over(97, join(0x30, 0, inner)),
    ethernet(0x86dd, six),
    ethernet(0x86dd, ipv6(0, join(60, 0, 1, 4, 0, 0, 0, 0, 4, 0, 1, 4, 0, 0, 0, 0, packet))),
    ethernet(0x86dd, ipv6(44, join(4, 0, 0, 1, 0, 0, 0, 9, packet.subarray(0, packet.length & ~7)))),
    over(50, join(0, 0, 1, 1, 0, 0, 0, 1, packet.subarray(20), 1, 2, 2, packet[9] ?? 17, new Uint8Array(12))),
  ];
}

/** A capture file of Ethernet frames, a millisecond apart. */
function capture(frames: Uint8Array[]): Uint8Array {
  const header = hex("d4c3b2a1020004000000000000000000ffff000001000000");
  const records = frames.map((frame, number) => {
    const record = new DataView(new ArrayBuffer(16));
    [1_700_000_000, number * 1000, frame.length, frame.length].forEach((field, at) =>
      record.setUint32(4 * at, field, true)
    );
    return join(new Uint8Array(record.buffer), frame);
  });
  return join(header, ...records);
}

/** What an `engine` input begins with: all outputs, no limit; `settings` and `runs` as the target has them. */
function engineCase(settings: number, runs: number): Uint8Array {
  return join(15, 0, 0, 0x33, 0, 17, settings, runs);
}

for (const name of CAPTURES) {
  const bytes = Deno.readFileSync(`${HERE}/../../fixtures/${name}`);
  const view = new DataView(bytes.buffer);
  const linkType = view.getUint32(20, true);
  const records: Uint8Array[] = [];
  for (let at = 24; at + 16 <= bytes.length; at += 16 + view.getUint32(at + 8, true)) {
    records.push(bytes.subarray(at, at + 16 + view.getUint32(at + 8, true)));
  }
  const step = Math.max(PIECE, Math.ceil(records.length / MOST_PIECES));
  for (let at = 0; at < records.length; at += step) {
    const piece = records.slice(at, at + PIECE);
    put("engine", engineCase(at & 255, 96 + at % 8), bytes.subarray(0, 24), ...piece);
    const frame = piece[0]?.subarray(16) ?? new Uint8Array();
    put("decode", linkType === 276 ? 17 : 0, 0, frame);
    put(
      "fragments",
      5,
      ...piece.map((record) => {
        const length = Math.min(record.length - 16, 0x7ff);
        return join(0, 1, u16(length), record.subarray(16, 16 + length));
      }),
    );
  }
}

const vectors: Vector[] = JSON.parse(Deno.readTextFileSync(`${HERE}/../src/detect/vectors.json`));
vectors.forEach((vector, number) => {
  const payload = hex(vector.payload).subarray(0, 0x7ff);
  const [source, destination] = [vector.source_port ?? 0, vector.destination_port ?? 0];
  const carriers: Record<string, Uint8Array> = {
    UDP: join(0),
    TCP: join(90),
    SCTP: join(200),
    ICMP: join(215, 1),
    ARP: join(235, 0x08, 0x06),
  };
  const carrier = carriers[vector.transport] ?? join(0);
  const datagram = (choice: number) => join(choice, 20, u16(payload.length), payload);
  const half = payload.length >> 1;
  const ports = join(u16(source), u16(destination));
  put("detect", carrier, ports, datagram(0), datagram(2));
  if (vector.transport === "TCP") {
    const pieces = [payload.subarray(0, half), payload.subarray(half)];
    put("detect", carrier, ports, ...pieces.map((piece) => join(0, 20, u16(piece.length), piece)));
  }

  let frames: Uint8Array[];
  const none = new Uint8Array();
  const packet = (protocol: number, content: Uint8Array) => ethernet(0x0800, ipv4(protocol, content));
  switch (vector.transport) {
    case "TCP":
      frames = [
        packet(6, tcp(source, destination, 0, 2, none)),
        packet(6, tcp(source, destination, 1 + half, 0x18, payload.subarray(half))),
        packet(6, tcp(source, destination, 1, 0x18, payload.subarray(0, half))),
        packet(6, tcp(source, destination, 1 + payload.length, 0x11, none)),
      ];
      break;
    case "ARP":
      frames = [ethernet(0x0806, payload)];
      break;
    case "ICMP":
      frames = [packet(1, payload)];
      break;
    default:
      frames = [
        vector.transport === "UDP"
          ? packet(17, udp(source, destination, payload))
          : packet(132, join(u16(source), u16(destination), new Uint8Array(8), payload)),
      ];
  }
  put("engine", engineCase(number & 7, 96 + number % 8), capture(frames));
  if (number % 16 === 0 && frames[0] !== undefined && vector.transport !== "ARP") {
    for (const frame of wrapped(frames[0].subarray(14))) {
      put("decode", 0, 1, frame);
      put("engine", engineCase(3, 64), capture([frame, frame]));
    }
  }
});

// These make their packets of the bytes: any will do.
let state = 1;
for (const target of ["fragments", "reassembly", "flows", "rtp"]) {
  for (let size = 32; size <= 1024; size *= 2) {
    put(target, Uint8Array.from({ length: size }, () => (state = state * 48271 % 0x7fffffff) >> 8 & 255));
  }
}
// Patterns, then a text that some of them fit.
const SEARCHES: readonly [patterns: readonly string[], text: string][] = [
  [["alice", "+49123456789", "bob@example.com"], "INVITE sip:Bob@Example.com SIP/2.0 From: <sip:malice@x>"],
  [["110", "11", "1", "49151000001"], "sip:+49151000001@gateway.test"],
  [["aaaaaaab", "aaab", "baaa", "aaaa"], "aaaaaaaaaaaabaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"],
  [["www.example.org", "example", ".org", "mail.example.org"], "WWW.EXAMPLE.ORG"],
];
const text = new TextEncoder();
SEARCHES.forEach(([patterns, haystack], number) => {
  for (let copies = 0; copies < 4; copies++) {
    const parts = patterns.flatMap((one, at) => [(at + number) % 7, one.length, text.encode(one)]);
    put("patterns", number * 9, copies, patterns.length, ...parts, text.encode(haystack));
  }
});
// Session descriptions, `|` between their lines.
const SESSION = "v=0|o=- 1 2 IN IP4 10.0.0.1|s=-|c=IN IP4 10.0.0.1|t=0 0|";
for (
  const lines of [
    "m=audio 4000/2 RTP/AVP 0 8 96|a=rtpmap:96 opus/48000/2|a=fmtp:96 x=1|a=ptime:20|a=rtcp:53020 IN IP6 ::1|a=sendonly|",
    "m=image 4000 udptl t38|c=IN IP6 ff15::101/3|m=message 7394 TCP/MSRP *|a=path:msrp://10.0.0.7:7395/x|",
    "a=group:BUNDLE a v|m=audio 9 UDP/TLS/RTP/SAVPF 111|c=IN IP4 0.0.0.0|a=rtcp-mux|a=mid:a|a=ice-ufrag:x|" +
    "a=candidate:1 1 UDP 1 10.0.0.5 5000 typ host|m=video 0 RTP/AVP 31|a=bundle-only|a=mid:v|",
    "a=inactive|m=audio 4000 RTP/SAVP 0|c=IN IP4 224.2.1.1/127/3|a=crypto:1 A inline:x|a=rtcp-mux-only|v=0|m=audio 5 x|",
  ]
) put("sdp", text.encode((SESSION + lines).replaceAll("|", "\r\n")));
// Sizes of parts, then streams.
const description = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const fields = [
  'Via: SIP/2.0/UDP a.example;branch=z9hG4bK1, SIP / 2.0 / TCP b\r\nf: "A \\" <x" <sip:%41@b>;tag=1\r\nt:\r\n <tel:+1>\r\n',
  "i: 1@x\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@b;x>;q=1;+sip.instance=\"<urn:x>\", sip:c\r\n",
  'P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp="2;\\"1";np, x\r\nP-Visited-Network-ID: "a, b";c\r\n',
  "P-Asserted-Identity: <sip:a@b>\r\n , <tel:+2>\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nWarning: 399 a \"b\"\r\n",
].join("");
const bodies: readonly [contentFields: string, body: string][] = [
  ["", ""],
  ["c: application/sdp\r\n", description],
  [
    "Content-Type: multipart/mixed;boundary=\"b\"\r\n",
    `--b\r\nContent-Type: application/sdp\r\n\r\n${description}\r\n--b\r\n\r\nx\r\n--b--`,
  ],
];
bodies.forEach(([contentFields, body], number) => {
  const head = (line: string) => `${line}\r\n${fields}${contentFields}Content-Length: ${body.length}\r\n\r\n${body}`;
  const [request, response] = [head("INVITE sip:a@b SIP/2.0"), head("SIP/2.0 183 Session Progress")];
  put("sip", number * 40, text.encode(request));
  put("sip", 5 + number, text.encode(`\r\n\r\n${response}${request}nonsense\r\n${response}`));
});
put("sip", 3, hex("1603010200010001fc0303"));
console.log(`${count} inputs`);
