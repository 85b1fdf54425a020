import type { Clock, Timer } from "@holdfast/core";

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #startUs: bigint;
  readonly #timers: Set<Pending> = new Set();

  /** @param startUs wall time of monotonic 0, microseconds since 1970; 2024-01-01 by default. */
  constructor(startUs: bigint = 1_704_067_200_000_000n) {
    this.#startUs = startUs;
  }

  wallUs(): bigint {
    return this.#startUs + BigInt(Math.round(this.#nowMs * 1000));
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer: Pending = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      fire,
    };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on and fires what falls due, in order, also what these timers set. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#nextBy(endMs); next !== null; next = this.#nextBy(endMs)) {
      this.#fire(next);
    }
    this.#nowMs = endMs;
  }

  /** Like `advance`, and lets promises go on after every timer. */
  async advanceAsync(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#nextBy(endMs); next !== null; next = this.#nextBy(endMs)) {
      this.#fire(next);
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #nextBy(endMs: number): Pending | null {
    let first: Pending | null = null;
    for (const timer of this.#timers) {
      if (timer.atMs > endMs) continue;
      if (first === null || timer.atMs < first.atMs) first = timer;
      else if (timer.atMs === first.atMs && timer.order < first.order) first = timer;
    }
    return first;
  }

  #fire(timer: Pending): void {
    this.#timers.delete(timer);
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.fire();
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
