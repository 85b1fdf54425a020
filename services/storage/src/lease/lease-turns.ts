import type { Clock, Timer } from "@holdfast/core";
import { Mutex } from "async-mutex";
import type { LeaseBook } from "./lease-book.js";
import { tooManyWaiting } from "./lease-errors.js";

/** What `LeaseTurns` work with. */
export interface LeaseTurnsOptions {
  readonly book: LeaseBook;
  readonly clock: Clock;
  /** Called at the end of each turn. */
  readonly afterTurn: () => void;
  /** Told when an expiry could not be written: the control database has failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Calls that wait for their turn at the same time; each turn is one small durable write. */
const WAITING_CALLS_MAX = 1_000;

/**
 * The one way into the lease book for whatever writes: one at a time, and what is past its time
 * ends first. A timer makes a turn of its own when the next lease ends.
 */
export class LeaseTurns {
  readonly #options: LeaseTurnsOptions;
  readonly #mutex: Mutex = new Mutex();
  #waiting = 0;
  #expiring = false;
  #timer: Timer | null = null;

  constructor(options: LeaseTurnsOptions) {
    this.#options = options;
  }

  /** @throws NO_SLOT when too many wait; what `step` throws. */
  async take<T>(step: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_CALLS_MAX) throw tooManyWaiting();
    this.#waiting += 1;
    try {
      return await this.#mutex.runExclusive(async () => {
        try {
          await this.#options.book.expireDue();
          return await step();
        } finally {
          this.#settle();
        }
      });
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Lets no turn begin until the returned function is called. */
  exclusive(): Promise<() => void> {
    return this.#mutex.acquire();
  }

  /** Takes a turn if this lease is past its time, so that its end is written. */
  async expireIfDue(leaseId: string): Promise<void> {
    if (this.#options.book.isDue(leaseId)) await this.take(() => Promise.resolve());
  }

  /** Ends what is past its time in a turn that nobody waits for. */
  expireSoon(): void {
    if (this.#expiring) return;
    this.#expiring = true;
    this.#mutex
      .runExclusive(async () => {
        await this.#options.book.expireDue();
        this.#settle();
      })
      .catch(this.#options.onFailure)
      .finally(() => {
        this.#expiring = false;
      });
  }

  /** One timer, for the lease that ends first; a renewal does not move it, it looks again. */
  setTimer(): void {
    this.stopTimer();
    const { book, clock } = this.#options;
    const nextMs = book.table.nextExpiryMs();
    if (nextMs === null) return;
    this.#timer = clock.setTimer(Math.ceil(nextMs - clock.monotonicMs()), () => this.expireSoon());
  }

  stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #settle(): void {
    this.#options.afterTurn();
    this.setTimer();
  }
}
