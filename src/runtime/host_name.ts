import { openCLibrary } from "./c_library.ts";
import { isGranted } from "./permissions.ts";

const maxNameLength = 256;

/** This machine's host name, or undefined where neither `--allow-sys` nor `--allow-ffi` lets it be known. */
export function hostName(): string | undefined {
  if (isGranted({ name: "sys", kind: "hostname" })) return Deno.hostname();
  if (isGranted({ name: "ffi" })) return hostNameFromLibc();
  return undefined;
}

/** `gethostname` of the C library. */
function hostNameFromLibc(): string | undefined {
  const library = openCLibrary({ gethostname: { parameters: ["buffer", "usize"], result: "i32" } });
  if (library === undefined) return undefined;
  const buffer = new Uint8Array(maxNameLength);
  const failed = library.symbols.gethostname(buffer, BigInt(maxNameLength - 1)) !== 0;
  library.close();
  return failed ? undefined : new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0))) || undefined;
}
