import { openCLibrary } from "../runtime/c_library.ts";
import { isGranted } from "../runtime/permissions.ts";

/** Longer than any file that is read here, bytes. */
const maxBytes = 4_096;

/**
 * Reads short text files of the kernel, in `/proc` and `/sys`. Deno has them read only by who may do everything, whatever
 * `--allow-read` says; the C library can read them, too, where `--allow-ffi` is granted, and goes on to when it is given
 * up. Without either nothing can be read.
 *
 * @returns the text of a file; undefined when it is not there, or cannot be read
 */
export function kernelFileReader(): (path: string) => string | undefined {
  const library = Deno.build.os === "linux" && isGranted({ name: "ffi" })
    ? openCLibrary({
      open: { parameters: ["buffer", "i32"], result: "i32" },
      read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
      close: { parameters: ["i32"], result: "i32" },
    })
    : undefined;
  if (library === undefined) return readWithDeno;
  const { open, read, close } = library.symbols;
  return (path) => {
    const descriptor = open(new TextEncoder().encode(`${path}\0`), 0);
    if (descriptor < 0) return undefined;
    const bytes = new Uint8Array(maxBytes);
    const length = Number(read(descriptor, bytes, BigInt(maxBytes)));
    close(descriptor);
    return length < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, length));
  };
}

function readWithDeno(path: string): string | undefined {
  if (!isGranted({ name: "read", path })) return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // Not on this system, or granted and refused all the same.
    return undefined;
  }
}
