import { deepEqual, equal } from "node:assert/strict";
import { captureWarning, interfacesAsJson, interfacesAsText } from "./interface_list.ts";
import type { NetworkInterface } from "./interfaces.ts";

const interfaces: NetworkInterface[] = [
  {
    name: "eth0",
    description: "",
    addresses: [{ ip: "192.0.2.2", prefixLength: 24 }, { ip: "2001:db8::2", prefixLength: 64 }],
    up: true,
    running: true,
    loopback: false,
  },
  { name: "eth1", description: "Spare\x1b[2J", addresses: [], up: true, running: false, loopback: false },
  {
    name: "lo",
    description: "",
    addresses: [{ ip: "127.0.0.1", prefixLength: 8 }],
    up: true,
    running: true,
    loopback: true,
  },
  { name: "veth1", description: "", addresses: [], up: false, running: false, loopback: false },
];

Deno.test("the table of interfaces hides nothing, and has no control characters", () => {
  equal(
    interfacesAsText(interfaces),
    [
      "NAME   STATE         ADDRESSES                     DESCRIPTION",
      "eth0   up            192.0.2.2/24, 2001:db8::2/64",
      "eth1   up, no link   -                             Spare\\u{1b}[2J",
      "lo     up, loopback  127.0.0.1/8",
      "veth1  down          -",
    ].join("\n"),
  );
});

Deno.test("interfaces as JSON", () => {
  const [first] = interfaces;
  deepEqual(JSON.parse(interfacesAsJson([first!], "careful")), {
    interfaces: [{
      name: "eth0",
      description: "",
      addresses: [{ ip: "192.0.2.2", prefix_len: 24 }, { ip: "2001:db8::2", prefix_len: 64 }],
      up: true,
      running: true,
      loopback: false,
    }],
    warning: "careful",
  });
  deepEqual(JSON.parse(interfacesAsJson([])), { interfaces: [] });
});

Deno.test({
  name: "what stands in the way of capturing is told",
  permissions: { ffi: false },
  fn: () => {
    equal(captureWarning([]), "no interface is up");
    equal(captureWarning(interfaces), "live capture needs permission: add --allow-ffi to the deno command");
  },
});
