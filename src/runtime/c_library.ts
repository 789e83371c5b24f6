const fileNames = [
  "libc.so.6",
  "libc.so",
  `libc.musl-${Deno.build.arch}.so.1`,
  "libSystem.dylib",
  "libc.so.7",
];

/** The C library of this system with the given functions; undefined where it is not found, or lacks one of them. */
export function openCLibrary<S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S> | undefined {
  for (const name of fileNames) {
    try {
      return Deno.dlopen(name, symbols);
    } catch {
      // Not this system's name for it: try the next.
    }
  }
  return undefined;
}
