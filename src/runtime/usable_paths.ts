import { messageOf, OperatorError } from "./operator_error.ts";
import type { RemainingNeeds } from "./permission_release.ts";
import { isGranted } from "./permissions.ts";

/**
 * Tries, as the user that the process has become, what the run will do later: to open files, and to write to folders.
 * Throws OperatorError that names the path and the user.
 *
 * @param optional paths without which the run goes on: `warn` gets a line
 */
export function checkUsable(
  needs: RemainingNeeds,
  optional: readonly string[],
  user: string,
  warn: (line: string) => void,
): void {
  for (const path of needs.read) {
    const problem = isGranted({ name: "read", path }) ? problemOf(() => open(path)) : undefined;
    if (problem === undefined) continue;
    const line = `${path} cannot be read any more as user ${user} (--user): ${problem}`;
    if (!optional.includes(path)) throw new OperatorError(`${line}; give that user the right to`);
    warn(`${line}; SIGHUP will change nothing`);
  }
  for (const path of needs.write) {
    const problem = isGranted({ name: "write", path }) ? problemOf(() => writeTo(path)) : undefined;
    if (problem === undefined) continue;
    throw new OperatorError(
      `${path} cannot be written any more as user ${user} (--user): ${problem}; chown it to that user`,
    );
  }
}

function open(path: string): void {
  Deno.openSync(path).close();
}

function writeTo(path: string): void {
  if (Deno.statSync(path).isDirectory) {
    Deno.removeSync(Deno.makeTempFileSync({ dir: path, prefix: ".writable-" }));
  } else Deno.openSync(path, { write: true }).close();
}

/** What an attempt fails with; a path that is not there yet is no problem. */
function problemOf(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? undefined : messageOf(error);
  }
}
