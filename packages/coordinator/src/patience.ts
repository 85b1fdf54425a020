import { randomInt } from "node:crypto";
import { type Clock, HoldfastError, type Reason, sleep } from "@holdfast/core";

/** How a job waits for what failed to work again. */
export interface PatienceOptions {
  readonly clock: Clock;
  /** How long to go on without progress, milliseconds. */
  readonly retryForMs: number;
  readonly signal: AbortSignal;
  /** A number in [0, 1); chance by default. */
  readonly random?: () => number;
  /** Told of each wait before it begins. */
  readonly onRetry?: (error: HoldfastError, delayMs: number) => void;
}

const DELAY_MS_MIN = 100;
const DELAY_MS_MAX = 5_000;
/** A server's wish is obeyed up to here: it cannot put a job to sleep for good. */
const RETRY_AFTER_MS_MAX = 60_000;

/** Reasons that pass by themselves. */
const TRANSIENT: ReadonlySet<Reason> = new Set([
  "DEADLINE_EXCEEDED",
  "STALLED",
  "DRAINING",
  "STORAGE_UNAVAILABLE",
  "ENGINE_FAILED",
  "NO_SLOT",
  "COMMIT_QUEUE_FULL",
  "TABLE_FULL",
  "LEASE_HELD",
  "RESTORE_IN_PROGRESS",
]);

/** True for a failure that may be gone when the call is made again. */
export function isTransient(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && TRANSIENT.has(error.reason);
}

/**
 * The one retry loop of a job: waits with backoff and jitter, obeys what the server asks, and
 * gives up when `retryForMs` went by since a failure without progress.
 */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #random: () => number;
  /** When the first failure since the last progress was met. */
  #failedMs = 0;
  #attempts = 0;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#random = options.random ?? (() => randomInt(2 ** 32) / 2 ** 32);
  }

  /** Something new was done: the time begins anew with the next failure. */
  progress(): void {
    this.#attempts = 0;
  }

  /**
   * Waits before the next attempt.
   * @param signal of what is attempted, if that may end before the job does.
   * @throws the error when it does not pass by itself or the time is used up; the signal's reason
   * when it aborts.
   */
  async pause(error: unknown, signal: AbortSignal = this.#options.signal): Promise<void> {
    const { clock, retryForMs, onRetry } = this.#options;
    signal.throwIfAborted();
    if (!isTransient(error)) throw error;
    if (this.#attempts === 0) this.#failedMs = clock.monotonicMs();
    const leftMs = this.#failedMs + retryForMs - clock.monotonicMs();
    if (leftMs <= 0) throw error;
    const backoffMs = Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    const jittered = backoffMs * (0.5 + this.#random() / 2);
    const asked = Math.min(error.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
    const delayMs = Math.min(leftMs, Math.max(jittered, asked));
    onRetry?.(error, delayMs);
    await sleep(clock, delayMs, signal);
  }

  /**
   * Makes a call until it succeeds; a success is progress.
   * @throws like `pause`.
   */
  async retry<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      try {
        const result = await attempt();
        this.progress();
        return result;
      } catch (error) {
        await this.pause(error, signal);
      }
    }
  }
}
