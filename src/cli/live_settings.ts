import type { Settings } from "../config/settings.ts";

/** A part of the program that can take other settings while it runs. */
export interface LivePart {
  /** The settings that it takes. */
  readonly settings: readonly (keyof Settings)[];
  /** Throws OperatorError when it cannot take them. Must change nothing. */
  readonly check?: (next: Settings) => void;
  /** Puts them in force; called when one of them changed, after all checks passed. */
  readonly apply?: (next: Settings) => void;
}

/** What became of new settings, by their names. */
export interface SettingsChange {
  /** In force now. */
  readonly applied: readonly (keyof Settings)[];
  /** Changed, and not in force before the program is started again. */
  readonly afterRestart: readonly (keyof Settings)[];
}

/** A part could not take its settings, and so nothing changed. */
export class SettingsRefused extends Error {
  /** Tells it from other errors. */
  override readonly name = "SettingsRefused";

  /** `settings` are those that changed of the part. */
  constructor(readonly settings: readonly (keyof Settings)[], override readonly cause: unknown) {
    super("settings were refused");
  }
}

/** The settings of a run as they are now, and the parts that follow them. */
export class LiveSettings {
  #now: Settings;
  readonly #parts: LivePart[] = [];

  /** Begins with those of the start. */
  constructor(start: Settings) {
    this.#now = start;
  }

  /** What is in force: settings that no part follows stay as they were at the start. */
  get now(): Settings {
    return this.#now;
  }

  /** From now on, `part` is given new values of its settings. Parts that look at {@link now} need no `apply`. */
  follow(part: LivePart): void {
    this.#parts.push(part);
  }

  /** Puts in force what a part follows of `next`: all of it, or nothing. Throws {@link SettingsRefused}. */
  replace(next: Settings): SettingsChange {
    const changed = (Object.keys(next) as (keyof Settings)[]).filter((name) =>
      !isSame(this.#now[name], next[name])
    );
    const concerned = this.#parts.map((part) => ({
      part,
      settings: part.settings.filter((name) => changed.includes(name)),
    })).filter(({ settings }) => settings.length > 0);
    const applied = changed.filter((name) => concerned.some(({ settings }) => settings.includes(name)));
    const merged: Settings = {
      ...this.#now,
      ...Object.fromEntries(applied.map((name) => [name, next[name]])),
    };
    for (const { part, settings } of concerned) {
      try {
        part.check?.(merged);
      } catch (error) {
        throw new SettingsRefused(settings, error);
      }
    }
    this.#now = merged;
    for (const { part } of concerned) part.apply?.(merged);
    return { applied, afterRestart: changed.filter((name) => !applied.includes(name)) };
  }
}

/** Whether two settings are equal; lists are compared by their items. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
