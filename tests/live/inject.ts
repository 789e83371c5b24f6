/** Sends frames on an interface, through libpcap. Needs `--allow-ffi` and root. */
import { openLibpcap } from "./libpcap_library.ts";

const { symbols: lib } = openLibpcap({
  pcap_open_live: { parameters: ["buffer", "i32", "i32", "i32", "buffer"], result: "pointer" },
  pcap_inject: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
  pcap_close: { parameters: ["pointer"], result: "void" },
});

/** An interface opened for sending. */
export class Injector {
  readonly #pcap: Deno.PointerObject;

  constructor(interfaceName: string) {
    const pcap = lib.pcap_open_live(
      new TextEncoder().encode(`${interfaceName}\0`),
      64,
      0,
      1,
      new Uint8Array(256),
    );
    if (pcap === null) throw new Error(`cannot open ${interfaceName} for sending`);
    this.#pcap = pcap;
  }

  /** Sends one frame; false when the interface did not take it. */
  send(frame: Uint8Array<ArrayBuffer>): boolean {
    return lib.pcap_inject(this.#pcap, frame, BigInt(frame.length)) === frame.length;
  }

  close(): void {
    lib.pcap_close(this.#pcap);
  }
}
