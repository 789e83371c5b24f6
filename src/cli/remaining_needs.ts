import type { Settings } from "../config/settings.ts";
import type { RemainingNeeds, UsedPaths } from "../runtime/permission_release.ts";

/**
 * Whether a run calls libpcap after its start: a thread that broke down opens the interfaces again, and BPF filters
 * that come later are compiled.
 */
export function keepsLibpcap({ command, readFiles, processor }: Settings): boolean {
  const capturesLive = command !== "process" && readFiles.length === 0;
  return capturesLive || command === "tap" || (command === "hunt" && processor !== undefined);
}

/**
 * What a run needs once its inputs, its outputs and its listening sockets are open.
 *
 * @param reread the files that SIGHUP reads again
 */
export function remainingNeeds(settings: Settings, reread: readonly string[]): RemainingNeeds {
  const { command, filterFile } = settings;
  const sends = command === "hunt" && settings.processor !== undefined;
  const serves = command === "process" || command === "tap";
  const certificates = (sends || serves) && !settings.insecure
    ? [settings.tlsCert, settings.tlsKey, settings.tlsCa]
    : [];
  const spool = sends && settings.diskBuffer ? [settings.diskBufferDir] : [];
  const calls = settings.perCallPcap ? [settings.perCallPcapDir] : [];
  const apiKey = sends ? [settings.apiKeyFile] : [];
  const filters = serves ? [filterFile] : [];
  const apiKeys = serves && settings.apiKeyAuth ? [settings.apiKeysFile] : [];
  return {
    read: present([
      ...reread,
      ...certificates,
      ...apiKey,
      ...apiKeys,
      ...filters,
      ...spool,
      // A file that is opened again is looked at, whether it is still the same.
      ...calls,
    ]),
    write: present([...filters, ...spool, ...calls]),
    // Who is connected to stays connected, and a bound socket goes on to accept.
    net: sends,
    ffi: keepsLibpcap(settings),
  };
}

/** The paths of `settings` that were opened at the start, and are not opened again. */
export function usedPaths({ readFiles, writeFile }: Settings): UsedPaths {
  return { read: readFiles.filter((path) => path !== "-"), write: present([writeFile]) };
}

function present(paths: readonly (string | undefined)[]): string[] {
  return paths.filter((path) => path !== undefined && path !== "-") as string[];
}
