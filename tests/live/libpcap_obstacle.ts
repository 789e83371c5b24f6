import { libpcap } from "../../src/capture/libpcap.ts";

/** Why libpcap cannot be used here, or undefined. */
export function libpcapObstacle(): string | undefined {
  try {
    libpcap("this test");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
