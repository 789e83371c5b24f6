/**
 * Packet sockets that share the packets of an interface: fan-out groups of the Linux kernel, packet(7).
 *
 * A group splits by flow: all packets of a flow, of both directions, and all fragments between two addresses, go to the
 * same socket. It is known by a number in its network namespace, and is gone with its last socket.
 *
 * @module
 */
import type { Libpcap } from "./libpcap.ts";

/** A group by its number, 0 to 65535; `new` makes one that no other program has. */
export type FanoutGroup = number | "new";

// include/uapi/linux/if_packet.h and include/linux/socket.h
const solPacket = 263;
const packetFanout = 18;
const fanoutHash = 0;
const fanoutFlagUniqueId = 0x2000;

/** The value of the socket option PACKET_FANOUT that joins `group`. */
export function fanoutOption(group: FanoutGroup): number {
  // The first socket says that it wants a number of its own; those after it must not say so.
  return group === "new" ? (fanoutHash | fanoutFlagUniqueId) << 16 : group | fanoutHash << 16;
}

/**
 * Makes the socket a member, for as long as it is open; the number of the group. Undefined when the kernel refuses:
 * where it is older than 4.12, where the group's sockets are those of another interface, or where it has 256 already.
 */
export function joinFanout(lib: Libpcap, fileDescriptor: number, group: FanoutGroup): number | undefined {
  const option = Uint32Array.of(fanoutOption(group));
  const joined = lib.setsockopt(
    fileDescriptor,
    solPacket,
    packetFanout,
    new Uint8Array(option.buffer),
    option.byteLength,
  );
  if (joined !== 0) return undefined;
  if (group !== "new") return group;
  const length = Uint32Array.of(option.byteLength);
  const told = lib.getsockopt(
    fileDescriptor,
    solPacket,
    packetFanout,
    Deno.UnsafePointer.of(option),
    new Uint8Array(length.buffer),
  );
  return told === 0 ? (option[0] ?? 0) & 0xffff : undefined;
}
