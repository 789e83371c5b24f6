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

/** Functions of libpcap that only tests use. */
export function openLibpcap<const T extends Deno.ForeignLibraryInterface>(
  symbols: T,
): Deno.DynamicLibrary<T> {
  let failure: unknown;
  for (const name of ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so", "libpcap.A.dylib"]) {
    try {
      return Deno.dlopen(name, symbols);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
