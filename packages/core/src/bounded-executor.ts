import assert from "node:assert/strict";
import type { Clock, Timer } from "./clock.js";
import { HoldfastError } from "./error.js";

/** Limits of a `BoundedExecutor`. */
export interface ExecutorLimits {
  /** What runs at the same time. */
  readonly slots: number;
  /** Most callers that wait for a slot. */
  readonly waitersMax: number;
  /** Longest wait, milliseconds. */
  readonly waitMsMax: number;
}

/** What a `BoundedExecutor` has done, for metrics. */
export interface ExecutorCounts {
  readonly running: number;
  readonly waiting: number;
  /** Refused because the waiting list was full, ever. */
  readonly refused: number;
  /** Given up because the wait was too long, ever. */
  readonly timedOut: number;
  /** Left the waiting list because their caller had gone, ever. */
  readonly abandoned: number;
}

/** What a caller that is refused is told to wait, milliseconds. */
const RETRY_AFTER_MS = 1_000;

/**
 * A fixed number of slots with a bounded, first-come-first-served waiting list. Nothing queues
 * without bound: who finds the list full is refused at once, who waits too long later, and who
 * has gone leaves the list.
 */
export class BoundedExecutor {
  readonly #limits: ExecutorLimits;
  readonly #clock: Clock;
  /** In order of arrival; a set so that leaving from the middle costs one step. */
  readonly #waiters: Set<() => void> = new Set();
  #running = 0;
  #refused = 0;
  #timedOut = 0;
  #abandoned = 0;

  constructor(limits: ExecutorLimits, clock: Clock) {
    assert.ok(limits.slots >= 1 && limits.waitersMax >= 0 && limits.waitMsMax >= 0);
    this.#limits = limits;
    this.#clock = clock;
  }

  get counts(): ExecutorCounts {
    return {
      running: this.#running,
      waiting: this.#waiters.size,
      refused: this.#refused,
      timedOut: this.#timedOut,
      abandoned: this.#abandoned,
    };
  }

  /**
   * Runs `task` in a slot. The slot is free again when the task has settled, not when the signal
   * aborts: a task has to obey its signal.
   * @throws NO_SLOT when the list is full or the wait too long; the signal's reason when aborted
   * while waiting; whatever the task throws.
   */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await task();
    } finally {
      release();
    }
  }

  /**
   * Takes a slot until the returned function is called (once is enough, more do nothing).
   * @throws like `run`.
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running < this.#limits.slots) this.#running += 1;
    else await this.#wait(signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#passOn();
    };
  }

  /** Gives a slot to who waits longest: it stays counted as running. */
  #passOn(): void {
    const [next] = this.#waiters;
    if (next === undefined) this.#running -= 1;
    else next();
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiters.size >= this.#limits.waitersMax) {
      this.#refused += 1;
      return Promise.reject(noSlot("Every slot and place in the waiting list is taken."));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(grant);
        signal.removeEventListener("abort", onAbort);
        timer.cancel();
      };
      const grant = (): void => {
        leave();
        resolve();
      };
      const onAbort = (): void => {
        leave();
        this.#abandoned += 1;
        reject(signal.reason);
      };
      const timer: Timer = this.#clock.setTimer(this.#limits.waitMsMax, () => {
        leave();
        this.#timedOut += 1;
        reject(noSlot("No slot became free in time."));
      });
      this.#waiters.add(grant);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

function noSlot(what: string): HoldfastError {
  return new HoldfastError("NO_SLOT", `${what} Try again later.`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
