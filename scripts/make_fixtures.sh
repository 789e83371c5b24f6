#!/usr/bin/env bash
# Makes the captures of fixtures/ and their truth.json: real DNS servers and clients talk to each other in two network
# namespaces of this script's own, which a pair of virtual Ethernet interfaces joins. Nothing leaves the machine.
#
# Run as root on Linux. Addresses and names are those reserved for documentation and tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
zones=$here/fixtures
out=$here/../fixtures

missing=()
need() { command -v "$1" >/dev/null || missing+=("$1 (Debian package $2)"); }
need tcpdump tcpdump
need dumpcap wireshark-common
need tshark tshark
need nsd nsd
need dig bind9-dnsutils
need nsupdate bind9-dnsutils
need iodined iodine
need ifconfig net-tools # iodine calls it
need ip iproute2
need sysctl procps
need mergecap wireshark-common
need tcprewrite tcpreplay
need gzip gzip
need deno "none: https://deno.com"
if [ ${#missing[@]} -gt 0 ]; then
  printf 'make_fixtures: missing: %s\n' "${missing[@]}" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "make_fixtures: network namespaces and captures need root: run it with sudo" >&2
  exit 1
fi
if [ ! -c /dev/net/tun ]; then
  echo "make_fixtures: iodine needs /dev/net/tun: modprobe tun" >&2
  exit 1
fi

work=$(mktemp -d)
server=caracal-server-$$
client=caracal-client-$$
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  ip netns delete "$server" 2>/dev/null || true
  ip netns delete "$client" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
# Not for commands in the background: their process would be a shell around the command.
on() {
  local namespace=$1
  shift
  ip netns exec "$namespace" "$@"
}
# Waits for a line in a log, 10 s at most.
wait_for() {
  for _ in $(seq 100); do
    grep -q "$1" "$2" 2>/dev/null && return
    sleep 0.1
  done
  echo "make_fixtures: no '$1' in:" >&2
  cat "$2" >&2
  exit 1
}
stop() {
  kill -INT "$1"
  wait "$1" || true
}

# --- the wire -------------------------------------------------------------------------------------------------------

ip netns add "$server"
ip netns add "$client"
ip -n "$server" link add wire type veth peer name wire netns "$client"
for side in "$server 1 aa" "$client 2 bb"; do
  read -r namespace number mac <<<"$side"
  on "$namespace" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  ip -n "$namespace" link set lo up
  ip -n "$namespace" link set wire address "02:00:00:00:00:$mac" up
  ip -n "$namespace" address add "192.0.2.$number/24" dev wire
  ip -n "$namespace" address add "2001:db8::$number/64" dev wire nodad
done

# --- the DNS server -------------------------------------------------------------------------------------------------

cat >"$work/nsd.conf" <<END
server:
  username: ""
  database: ""
  pidfile: "$work/nsd.pid"
  zonesdir: "$zones"
  xfrdfile: "$work/xfrd.state"
  zonelistfile: "$work/zone.list"
  cookie-secret-file: ""
  # 5353 and 5355 are the ports of mDNS and LLMNR: clients of these ask there.
  ip-address: 127.0.0.1
  ip-address: 127.0.0.1@5353
  ip-address: 127.0.0.1@5355
  ip-address: ::1
  ip-address: 192.0.2.1
  ip-address: 2001:db8::1
  # Answers above the MTU of the wire are sent in fragments.
  ipv4-edns-size: 4096
  ipv6-edns-size: 4096
  identity: "fixture"
  minimal-responses: no
remote-control:
  control-enable: no
zone:
  name: "example.test"
  zonefile: "example.test.zone"
  provide-xfr: 127.0.0.1 NOKEY
  notify: 127.0.0.1 NOKEY
zone:
  name: "2.0.192.in-addr.arpa"
  zonefile: "2.0.192.in-addr.arpa.zone"
zone:
  name: "8.b.d.0.1.0.0.2.ip6.arpa"
  zonefile: "8.b.d.0.1.0.0.2.ip6.arpa.zone"
zone:
  # Has no file: SERVFAIL.
  name: "broken.test"
  zonefile: "$work/no-such.zone"
END
start_nsd() {
  : >"$work/nsd.log"
  ip netns exec "$server" nsd -d -V 1 -c "$work/nsd.conf" >>"$work/nsd.log" 2>&1 &
  nsd=$!
  started+=("$nsd")
  for _ in $(seq 100); do
    on "$server" dig +short +tries=1 +time=1 @127.0.0.1 example.test SOA >/dev/null 2>&1 && return
    sleep 0.1
  done
  cat "$work/nsd.log" >&2
  exit 1
}

# --- captures -------------------------------------------------------------------------------------------------------

# capture NAMESPACE INTERFACE FILE [EXPRESSION]
capture() {
  : >"$work/tcpdump.log"
  ip netns exec "$1" tcpdump -i "$2" -w "$work/$3" --time-stamp-precision=nano --immediate-mode -s 0 -U -Z root "${4:-}" \
    2>"$work/tcpdump.log" &
  capturing=$!
  started+=("$capturing")
  wait_for "listening on" "$work/tcpdump.log"
}
end_capture() {
  sleep 0.5
  stop "$capturing"
}
# Asks one question per line of a file; further arguments hold for all of them (dig heeds +tcp nowhere else).
ask() {
  local namespace=$1 file=$2
  shift 2
  sed -e '/^#/d' -e '/^$/d' "$file" >"$work/batch"
  on "$namespace" dig "$@" +tries=1 +time=1 -f "$work/batch" >"$work/dig.log" 2>&1 || true
}

echo "dns.pcap: loopback"
capture "$server" lo dns.pcap
start_nsd # Its NOTIFY is in the capture.
ask "$server" "$zones/questions" @127.0.0.1
ask "$server" "$zones/questions_short" @::1
ask "$server" "$zones/questions_short" @127.0.0.1 +tcp +keepopen
ask "$server" "$zones/questions_short" @::1 +tcp
ask "$server" "$zones/questions_multicast" @127.0.0.1 +notcp -p 5353
ask "$server" "$zones/questions_multicast" @127.0.0.1 +notcp -p 5355
on "$server" dig @127.0.0.1 example.test AXFR >"$work/dig.log" || true # It does not like all names.
on "$server" nsupdate >"$work/nsupdate.log" 2>&1 <<END || true
server 127.0.0.1
zone example.test
update delete gone.example.test A
update add new.example.test 60 A 192.0.2.99
send
END
on "$server" deno run --no-prompt --allow-net "$zones/pipeline.ts" 127.0.0.1 53
end_capture

echo "dns-any.pcap: the any device"
capture "$server" any dns-any.pcap
ask "$server" "$zones/questions_short" @127.0.0.1
ask "$client" "$zones/questions_short" @192.0.2.1 +tcp +keepopen
ask "$client" "$zones/questions_short" @2001:db8::1
end_capture

echo "dns-vlan.pcap: tagged frames, and fragments"
# Not every kernel has VLAN interfaces, so the tags are put on afterwards: one, and one inside another (IEEE 802.1ad).
tag() { tcprewrite --enet-vlan=add --enet-vlan-pri=0 --enet-vlan-cfi=0 "$@"; }
capture "$client" wire tagged
ask "$client" "$zones/questions_short" @192.0.2.1
ask "$client" "$zones/questions_large" @2001:db8::1
end_capture
capture "$client" wire twice-tagged
ask "$client" "$zones/questions_short" @2001:db8::1 +tcp
ask "$client" "$zones/questions_large" @192.0.2.1
end_capture
tag --enet-vlan-tag=42 -i "$work/tagged" -o "$work/once"
tag --enet-vlan-tag=8 -i "$work/twice-tagged" -o "$work/inner"
tag --enet-vlan-tag=7 --enet-vlan-proto=802.1ad -i "$work/inner" -o "$work/twice"
mergecap -a -F pcap -w "$work/dns-vlan.pcap" "$work/once" "$work/twice"

echo "dns.pcapng: two interfaces at once"
: >"$work/dumpcap.log"
ip netns exec "$server" dumpcap -q -i lo -i wire -w "$work/dns.pcapng" 2>"$work/dumpcap.log" &
dumpcap=$!
started+=("$dumpcap")
wait_for "File: " "$work/dumpcap.log"
sleep 0.5
ask "$server" "$zones/questions_short" @::1
ask "$client" "$zones/questions_short" @192.0.2.1
ask "$client" "$zones/questions_short" @2001:db8::1 +tcp
sleep 1
stop "$dumpcap"

echo "dns-tunnel.pcap: iodine"
stop "$nsd"
capture "$client" wire dns-tunnel.pcap "port 53"
# Record types that carry much data, and one that hides better. The password is of no use elsewhere.
for session in "NULL t.example.com" "TXT u.example.net" "CNAME v.example.org"; do
  read -r record_type domain <<<"$session"
  : >"$work/iodine.log"
  ip netns exec "$server" iodined -f -c -P fixture 10.53.0.1 "$domain" >"$work/iodined.log" 2>&1 &
  iodined=$!
  started+=("$iodined")
  wait_for "Listening to dns" "$work/iodined.log"
  ip netns exec "$client" iodine -f -r -T "$record_type" -m 180 -P fixture 192.0.2.1 "$domain" >"$work/iodine.log" 2>&1 &
  iodine=$!
  started+=("$iodine")
  wait_for "Connection setup complete" "$work/iodine.log"
  # Datagrams to a closed port, so that something comes back: ICMP.
  for _ in $(seq 12); do
    on "$client" bash -c 'head -c 200 /dev/urandom >/dev/udp/10.53.0.1/9' || true
    sleep 0.2
  done
  stop "$iodine"
  stop "$iodined"
done
end_capture

# --- results --------------------------------------------------------------------------------------------------------

mkdir -p "$out"
for file in dns.pcap dns-any.pcap dns-vlan.pcap dns.pcapng dns-tunnel.pcap; do
  install -m 644 "$work/$file" "$out/$file"
done
gzip -9 -n -c "$work/dns.pcap" >"$out/dns.pcap.gz"
deno run --no-prompt --allow-run=tshark --allow-read="$out" --allow-write="$out" "$zones/truth.ts" "$out"
ls -l "$out"
