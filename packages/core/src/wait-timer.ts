import type { Clock, Timer } from "./clock.js";

/**
 * Tells when a wait has lasted `waitMs`. Most waits are over long before: one timer that follows
 * them is cheaper than one that is set and given up for each.
 */
export class WaitTimer {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #fire: () => void;
  /** When the wait under way began; null between waits. */
  #sinceMs: number | null = null;
  #timer: Timer | null = null;

  /** @param fire is called once for a wait that lasts; `begin` again to be told once more. */
  constructor(clock: Clock, waitMs: number, fire: () => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#fire = fire;
  }

  /** A wait begins, or began at `sinceMs`, which never goes back. */
  begin(sinceMs: number = this.#clock.monotonicMs()): void {
    this.#sinceMs = sinceMs;
    if (this.#timer === null) this.#arm();
  }

  /** The wait is over. The timer itself may rest until its time; it keeps no process alive. */
  end(): void {
    this.#sinceMs = null;
  }

  /** There will be no wait any more. */
  stop(): void {
    this.#sinceMs = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    const leftMs = (this.#sinceMs ?? 0) + this.#waitMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(leftMs, () => {
      this.#timer = null;
      if (this.#sinceMs === null) return;
      if (this.#clock.monotonicMs() - this.#sinceMs < this.#waitMs) this.#arm();
      else {
        this.#sinceMs = null;
        this.#fire();
      }
    });
  }
}
