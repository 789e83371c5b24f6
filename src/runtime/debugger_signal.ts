import { openCLibrary } from "./c_library.ts";
import { isGranted } from "./permissions.ts";

const sigusr1 = Deno.build.os === "linux" ? 10 : 30;
const ignore = 1n; // SIG_IGN

/**
 * Deno (seen with 2.9.6) opens its debugger at SIGUSR1, on a port of loopback, and whoever connects to that port, as
 * any user of the machine, can do what this process can. The signal is ignored from now on, where Deno grants FFI.
 */
export function ignoreDebuggerSignal(): void {
  if (Deno.build.os === "windows" || !isGranted({ name: "ffi" })) return;
  const library = openCLibrary({ signal: { parameters: ["i32", "usize"], result: "pointer" } });
  library?.symbols.signal(sigusr1, ignore);
  library?.close();
}
