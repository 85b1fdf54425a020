import { type Clock, sleep, type Timer } from "@holdfast/core";

/** What a probe watches and whom it tells. */
export interface ProbeOptions {
  readonly clock: Clock;
  /** Resolves when storage can do its work, rejects when not; bounded in time by itself. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  /** Told when storage is there, or there again. */
  readonly onPresent: () => void;
  /** Told when storage was not there at the start, or has been away for too long. */
  readonly onAway: (error: unknown) => void;
  /** Storage answered again after a check that failed. */
  readonly onRecovered: () => void;
  /** Times for tests. */
  readonly times?: { readonly intervalMs: number; readonly awayMs: number };
}

const INTERVAL_MS = 1_000;
/** A storage that answered nothing for this long is away. */
const AWAY_MS = 5_000;

/** Asks storage every second how it is, and knows whether it has been away for 5 s. */
export class StorageProbe {
  readonly #options: ProbeOptions;
  readonly #stop: AbortController = new AbortController();
  readonly #intervalMs: number;
  readonly #awayMs: number;
  #loop: Promise<void> = Promise.resolve();
  #away: Timer | null = null;
  /** Of the last check, if it failed. */
  #failure: { readonly error: unknown } | null = null;
  #present: boolean | null = null;

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#intervalMs = options.times?.intervalMs ?? INTERVAL_MS;
    this.#awayMs = options.times?.awayMs ?? AWAY_MS;
  }

  /** False until the first answer, and from 5 s after the last one on. */
  get present(): boolean {
    return this.#present === true;
  }

  /** Begins to ask. @returns after the first question, however it was answered. */
  async start(): Promise<void> {
    await this.#ask();
    if (this.#failure !== null) this.#turn(false);
    this.#loop = this.#askOn();
  }

  /** Asks no more; `present` stays as it is. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#away?.cancel();
    await this.#loop;
  }

  async #askOn(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#options.clock, this.#intervalMs, signal).then(
        () => this.#ask(),
        () => undefined,
      );
    }
  }

  async #ask(): Promise<void> {
    const { clock, check, onRecovered } = this.#options;
    try {
      await check(this.#stop.signal);
    } catch (error) {
      this.#failure = { error };
      return;
    }
    if (this.#stop.signal.aborted) return;
    this.#away?.cancel();
    this.#away = clock.setTimer(this.#awayMs, () => this.#turn(false));
    if (this.#failure !== null) onRecovered();
    this.#failure = null;
    this.#turn(true);
  }

  #turn(present: boolean): void {
    if (this.#present === present) return;
    this.#present = present;
    if (present) this.#options.onPresent();
    else this.#options.onAway(this.#failure?.error);
  }
}
