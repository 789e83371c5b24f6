/**
 * Filters of each type over real captures: the packets that match are those that tshark's display filters show.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Filter, FilterTypeName } from "../src/engine/filter.ts";
import { packetsOf, run } from "./engine_run.ts";

const captures = new URL("../../shared/captures/", import.meta.url);

/** Times of the packets that tshark shows; undefined without tshark. */
function shownByTshark(path: string, displayFilter: string): string[] | undefined {
  try {
    const { success, stdout, stderr } = new Deno.Command("tshark", {
      // The head of a message counts, not the end of its body.
      args: [
        "-o",
        "http.desegment_body:FALSE",
        "-r",
        path,
        "-Y",
        displayFilter,
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
      ],
      env: { WIRESHARK_RUN_FROM_BUILD_DIRECTORY: "" },
    }).outputSync();
    assert.ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Times of the packets that match, as tshark writes them. */
function matching(path: string, type: FilterTypeName, pattern: string): string[] {
  const filter: Filter = { id: "f", type, pattern, targetHunters: [], enabled: true, description: "" };
  const { json } = run(Deno.readFileSync(path), { filters: { filters: [filter], noFilterPolicy: "deny" } });
  return packetsOf(json).map(({ timestamp_ns, matched_filter_ids }) => {
    assert.deepEqual(matched_filter_ids, ["f"]);
    const digits = String(timestamp_ns);
    return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
  });
}

const cases: readonly [file: string, type: FilterTypeName, pattern: string, displayFilter: string][] = [
  ["sip-udp-registrations.pcap", "sip_user", "*", "sip"],
  [
    "sip-udp-registrations.pcap",
    "sip_user",
    "voi1806",
    'sip.from.user contains "voi1806" || sip.to.user contains "voi1806"',
  ],
  [
    "sip-udp-registrations.pcap",
    "sip_uri",
    "voi18063@*",
    'sip.from.user == "voi18063" || sip.to.user == "voi18063"',
  ],
  ["sip-udp-registrations.pcap", "call_id", "578222729-*", 'sip.Call-ID contains "578222729-"'],
  [
    "sip-udp-registrations.pcap",
    "phone_number",
    "35104723",
    'sip.from.user == "35104723" || sip.to.user == "35104723" || sip.r-uri.user == "35104723"',
  ],
  [
    "sip-rtp-t38-fax.pcap",
    "phone_number",
    "061963177",
    'sip.from.user == "061963177" || sip.to.user == "061963177" || sip.r-uri.user == "061963177"',
  ],
  ["sip-rtp-t38-fax.pcap", "codec", "G726-32", 'sip && sdp.mime.type == "G726-32"'],
  ["sip-tcp-register.pcap", "sip_user", "987654", 'sip.from.user == "987654"'],
  ["sip-tcp-port-5062.pcap", "sip_user", "voi18063", 'sip.from.user == "voi18063"'],
  ["sip-ipv6-fragments.pcap", "call_id", "*", "sip.Call-ID"],
  ["tls-firefox.pcap", "tls_sni", "*.cnr.it", 'tls.handshake.extensions_server_name contains "cnr.it"'],
  [
    "tls-firefox.pcap",
    "tls_ja3",
    "df208241e7f3897d4ca38cfe68eabb21",
    'tls.handshake.ja3 == "df208241e7f3897d4ca38cfe68eabb21"',
  ],
  [
    "tls-firefox.pcap",
    "tls_ja3s",
    "15af977ce25de452b96affa2addb1036",
    'tls.handshake.ja3s == "15af977ce25de452b96affa2addb1036"',
  ],
  [
    "tls-split-client-hello.pcap",
    "tls_ja3",
    "35708a08e7be9f7aa5bce7f2d5c1cecb",
    'tls.handshake.ja3 == "35708a08e7be9f7aa5bce7f2d5c1cecb"',
  ],
  [
    "tls-split-client-hello.pcap",
    "tls_ja3s",
    "eb1d94daa7e0344597e756a1fb6e7054",
    'tls.handshake.ja3s == "eb1d94daa7e0344597e756a1fb6e7054"',
  ],
  [
    "tls12-alpn-h2.pcap",
    "tls_ja3",
    "3faa4ad39f690c4ef1c3160caa375465",
    'tls.handshake.ja3 == "3faa4ad39f690c4ef1c3160caa375465"',
  ],
  // What FoxIO published for this capture.
  [
    "tls12-alpn-h2.pcap",
    "tls_ja4",
    "t12d4605h2_85626a9a5f7f_aaf95bb78ec9",
    'tls.handshake.ja3 == "3faa4ad39f690c4ef1c3160caa375465"',
  ],
  [
    "tls13-curl.pcap",
    "tls_sni",
    "enabled.tls13.com",
    'tls.handshake.extensions_server_name == "enabled.tls13.com"',
  ],
  [
    "smtp-starttls.pcap",
    "tls_ja3",
    "7b38238e17474b8f6d113523bb5a8dd9",
    'tls.handshake.ja3 == "7b38238e17474b8f6d113523bb5a8dd9"',
  ],
  [
    "imap-starttls.pcap",
    "tls_ja3s",
    "0debd3853f330c574b05e0b6d882dc27",
    'tls.handshake.ja3s == "0debd3853f330c574b05e0b6d882dc27"',
  ],
  ["quic-v2.pcapng", "tls_sni", "test", 'tls.handshake.extensions_server_name == "test"'],
  [
    "quic-split-client-hello.pcapng",
    "tls_ja3",
    "0299b052ace53a14c3a04aceb5efd247",
    'tls.handshake.ja3 == "0299b052ace53a14c3a04aceb5efd247"',
  ],
  ["http-pipelined.pcap", "http_host", "www.mozilla.org", 'http.host == "www.mozilla.org"'],
  ["http-pipelined.pcap", "http_url", "/images/*.png", 'http.request.uri matches "^/images/.*[.]png$"'],
  ["http-ipv6.pcap", "http_host", "*", "http.host && tcp"],
  [
    "smtp-attachment.pcap",
    "email_address",
    "*@patriots.in",
    // The mail's beginning comes three times; a stream has it once.
    'frame.time_epoch < 1254722770.695 && (smtp.req.parameter contains "@patriots.in" || tcp.payload contains "From: \\"Gurpartap")',
  ],
  ["smtp-attachment.pcap", "email_subject", "re: bro smtp*", 'tcp.payload contains "Subject: Re: Bro SMTP"'],
  ["smtp-attachment.pcap", "ip_address", "74.53.140.153", "ip.addr == 74.53.140.153 && !icmp"],
  ["http-ipv6.pcap", "ip_address", "2001::/16", "ipv6.addr == 2001::/16"],
  [
    "dns-mixed-udp.pcap",
    "dns_domain",
    "*.com",
    'dns.qry.name matches "[.]com$" || dns.resp.name matches "[.]com$" || dns.cname matches "[.]com$"',
  ],
];

for (const [file, type, pattern, displayFilter] of cases) {
  Deno.test(`filters: ${type} ${pattern} over ${file} gives what tshark shows`, () => {
    const { pathname } = new URL(file, captures);
    try {
      Deno.statSync(pathname);
    } catch {
      return console.log(`skipped: ${file} is absent`);
    }
    const expected = shownByTshark(pathname, displayFilter);
    if (expected === undefined) return console.log("skipped: tshark is absent");
    assert.ok(expected.length > 0, "tshark shows nothing");
    assert.deepEqual(matching(pathname, type, pattern), expected);
  });
}
