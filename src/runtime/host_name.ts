import { isGranted } from "./permissions.ts";

const libraryNames = ["libc.so.6", "libc.so", "libSystem.dylib", "libc.so.7"];
const maxNameLength = 256;

/** This machine's host name, or undefined where neither `--allow-sys` nor `--allow-ffi` lets it be known. */
export function hostName(): string | undefined {
  if (isGranted({ name: "sys", kind: "hostname" })) return Deno.hostname();
  if (isGranted({ name: "ffi" })) return hostNameFromLibc();
  return undefined;
}

/** `gethostname` of the C library. */
function hostNameFromLibc(): string | undefined {
  for (const libraryName of libraryNames) {
    try {
      const library = Deno.dlopen(libraryName, {
        gethostname: { parameters: ["buffer", "usize"], result: "i32" },
      });
      const buffer = new Uint8Array(maxNameLength);
      const failed = library.symbols.gethostname(buffer, BigInt(maxNameLength - 1)) !== 0;
      library.close();
      return failed
        ? undefined
        : new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0))) || undefined;
    } catch {
      // Not this system's name for it: try the next.
    }
  }
  return undefined;
}
