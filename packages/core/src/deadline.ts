import type { Clock } from "./clock.js";
import { HoldfastError } from "./error.js";

/** A moment on the monotonic clock by which something must be done. */
export class Deadline {
  readonly #clock: Clock;
  /** The moment, milliseconds of `Clock.monotonicMs`. */
  readonly atMs: number;

  constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.atMs = atMs;
  }

  /** The deadline `delayMs` from now. */
  static after(clock: Clock, delayMs: number): Deadline {
    return new Deadline(clock, clock.monotonicMs() + delayMs);
  }

  /** Milliseconds left, never below 0. */
  remainingMs(): number {
    return Math.max(0, this.atMs - this.#clock.monotonicMs());
  }

  /** True from the moment itself on. */
  get isOver(): boolean {
    return this.remainingMs() === 0;
  }

  /** @throws DEADLINE_EXCEEDED when it is over. */
  throwIfOver(): void {
    if (this.isOver) throw deadlineExceeded();
  }
}

/** The error of a call whose time is over. */
export function deadlineExceeded(): HoldfastError {
  return new HoldfastError(
    "DEADLINE_EXCEEDED",
    "The call's time is over. Ask for less, or allow a longer deadline.",
  );
}
