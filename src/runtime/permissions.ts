import { OperatorError } from "./operator_error.ts";

/** Whether Deno grants `descriptor` now, without ever prompting. */
export function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/**
 * Throws an {@link OperatorError} that names the flag to add when Deno does not grant `descriptor`.
 *
 * @param purpose what needs it, as the subject of the sentence: `reading capture.pcap`
 */
export function requirePermission(descriptor: Deno.PermissionDescriptor, purpose: string): void {
  if (isGranted(descriptor)) return;
  throw new OperatorError(`${purpose} needs permission: add ${flagFor(descriptor)} to the deno command`);
}

function flagFor(descriptor: Deno.PermissionDescriptor): string {
  switch (descriptor.name) {
    case "read":
    case "write":
      return `--allow-${descriptor.name}${descriptor.path === undefined ? "" : `=${descriptor.path}`}`;
    case "net":
      return `--allow-net${descriptor.host === undefined ? "" : `=${descriptor.host}`}`;
    case "env":
      return `--allow-env${descriptor.variable === undefined ? "" : `=${descriptor.variable}`}`;
    default:
      return `--allow-${descriptor.name}`;
  }
}
