/** A worker that sends numbered UDP frames to port 53, as fast as it can, and answers how many it sent. */
import { udpFrame } from "./frame.ts";
import { Injector } from "./inject.ts";

/** What it is told. */
interface Order {
  readonly interfaceName: string;
  /** Number of the first frame. */
  readonly first: number;
  readonly count: number;
}

const worker = globalThis as unknown as {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(sent: number): void;
};

worker.onmessage = ({ data }) => {
  const injector = new Injector(data.interfaceName);
  let sent = 0;
  for (let number = data.first; number < data.first + data.count; number++) {
    if (injector.send(udpFrame({ number, destinationPort: 53, payloadLength: 40 }))) sent++;
  }
  injector.close();
  worker.postMessage(sent);
};
