import type { Settings } from "../config/settings.ts";
import { apiKeysKey } from "../config/api_keys.ts";
import { flags } from "../config/flags.ts";
import { isSpoolFile } from "../delivery/spool/file_names.ts";
import { messageOf } from "../runtime/operator_error.ts";
import { releasePermissions } from "../runtime/permission_release.ts";
import { becomeUser, findUser, giveFolder, type SwitchUser } from "../runtime/user_switch.ts";
import { ignoreDebuggerSignal } from "../runtime/debugger_signal.ts";
import { checkUsable } from "../runtime/usable_paths.ts";
import { logger } from "../telemetry/log.ts";
import { type LivePart, LiveSettings, SettingsRefused } from "./live_settings.ts";
import type { LoadedSettings, RunInvocation } from "./program.ts";
import { remainingNeeds, usedPaths } from "./remaining_needs.ts";

const log = logger("service");

/**
 * One run of a command as a service: its settings, which SIGHUP reads again, and the rights that it gives up once
 * everything is open.
 */
export class Run {
  /** The settings of the start. */
  readonly settings: Settings;
  /** Who it becomes, if anybody. */
  readonly #user: SwitchUser | undefined;
  readonly #live: LiveSettings;
  readonly #reload: () => Promise<LoadedSettings>;
  readonly #configFile: string | undefined;
  /** Files that settings come from. */
  readonly #files: readonly string[];
  readonly #rereads: (() => void)[] = [];
  #isOpen = false;
  #reloading: Promise<void> | undefined;
  /** SIGHUP came while nothing could be done about it yet. */
  #again = false;

  /** SIGHUP ends the process no longer. Throws OperatorError when it cannot become the user that it is to become. */
  constructor({ settings, configFile, files, reload }: RunInvocation) {
    this.settings = settings;
    this.#live = new LiveSettings(settings);
    this.#reload = reload;
    this.#configFile = configFile;
    this.#files = configFile === undefined ? files : [configFile, ...files];
    this.#user = settings.user === undefined ? undefined : findUser(settings.user);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", () => this.#signalled());
  }

  /** The settings in force: those that a part follows may have changed since the start. */
  get now(): Settings {
    return this.#live.now;
  }

  /** `part` takes new settings from now on. */
  follow(part: LivePart): void {
    this.#live.follow(part);
  }

  /** Has `reread` called at each SIGHUP that is not refused: for files that may have changed under the same name. */
  alsoReread(reread: () => void): void {
    this.#rereads.push(reread);
  }

  /** The user that root's rights were given up for, as the operator named it; undefined before that, or without. */
  get becameUser(): string | undefined {
    return this.#isOpen && this.#user?.current === false ? this.#user.text : undefined;
  }

  /**
   * To be called when inputs, outputs and listening sockets are open: gives up root for `--user`, and the permissions
   * that are needed no longer. SIGHUP is answered from now on. Throws OperatorError; does nothing when called again.
   */
  opened(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const needs = remainingNeeds(this.settings, this.#files);
    if (this.#user !== undefined) {
      const { command, processor, diskBuffer, diskBufferDir } = this.settings;
      if (command === "hunt" && processor !== undefined && diskBuffer) {
        giveFolder(this.#user, diskBufferDir, isSpoolFile);
      }
      // What is in it already stays whose it is.
      if (this.settings.perCallPcap) giveFolder(this.#user, this.settings.perCallPcapDir, () => false);
      becomeUser(this.#user);
      log.info(
        `running as user ${this.#user.text} (uid ${this.#user.uid}, gid ${this.#user.gid}) from now on`,
      );
      checkUsable(needs, this.#files, this.#user.text, (line) => log.warn(line));
    }
    ignoreDebuggerSignal();
    const kept = releasePermissions(needs, usedPaths(this.settings));
    log.debug(`permissions kept as a whole: ${kept.length === 0 ? "none" : kept.join(", ")}`);
    if (this.#again) this.#signalled();
  }

  /** One reload at a time; those asked for meanwhile are one more. */
  #signalled(): void {
    this.#again = true;
    if (!this.#isOpen || this.#reloading !== undefined) return;
    this.#again = false;
    this.#reloading = this.#replace().finally(() => {
      this.#reloading = undefined;
      if (this.#again) this.#signalled();
    });
  }

  async #replace(): Promise<void> {
    let loaded: LoadedSettings | undefined;
    try {
      loaded = await this.#reload();
      if (loaded.configFile !== this.#configFile) {
        const gone = `configuration file ${this.#configFile}: there is no such file`;
        log.error(
          `${this.#configFile === undefined ? `${loaded.configFile} was not there` : gone}; ${unchanged}`,
        );
        return;
      }
      const { applied, afterRestart } = this.#live.replace(loaded.settings);
      for (const warning of loaded.warnings) log.warn(warning);
      const source = this.#files.length === 0
        ? "there is no configuration file to read again"
        : `read ${this.#files.join(", ")} again`;
      const news = [
        ...(applied.length === 0 ? [] : [`in force: ${namesOf(applied)}`]),
        ...(afterRestart.length === 0 ? [] : [`in force after a restart only: ${namesOf(afterRestart)}`]),
      ];
      for (const reread of this.#rereads) reread();
      log.info(`${source}; ${news.length === 0 ? "no setting changed" : news.join("; ")}`);
    } catch (error) {
      log.error(`${reasonOf(error, loaded)}; ${unchanged}`);
    }
  }
}

const unchanged = "all settings stay as they were";

/** What is wrong, and where it was set. */
function reasonOf(error: unknown, loaded: LoadedSettings | undefined): string {
  if (!(error instanceof SettingsRefused) || loaded === undefined) return messageOf(error);
  const places = [...new Set(error.settings.map(loaded.originOf))];
  return `${places.join(", ")}: ${messageOf(error.cause)}`;
}

/** The flags of settings, each once. */
function namesOf(settings: readonly (keyof Settings)[]): string {
  const names = settings.map((setting) => {
    if (setting === "apiKeys") return apiKeysKey;
    if (setting === "ownBatchLimits") return "who sets --batch-size and --batch-timeout";
    if (setting === "jsonSummary") return "--json";
    return `--${flags.find((flag) => flag.setting === setting)?.long ?? setting}`;
  });
  return [...new Set(names)].join(", ");
}
