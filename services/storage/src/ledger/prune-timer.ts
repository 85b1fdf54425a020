import { type Clock, HoldfastError, type Timer } from "@holdfast/core";
import type { Pruner } from "./pruner.js";

/** How often what the windows leave behind is dropped, milliseconds. */
const PRUNE_EVERY_MS = 30_000;

/** Prunes by the windows from time to time, one pass at a time. */
export class PruneTimer {
  readonly #pruner: Pruner;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #stopping: AbortController = new AbortController();
  #timer: Timer;
  #pass: Promise<void> = Promise.resolve();

  constructor(pruner: Pruner, clock: Clock, onFailure: (error: unknown) => void) {
    this.#pruner = pruner;
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.#timer = this.#schedule();
  }

  /** Ends the pass under way at its next step. */
  async close(): Promise<void> {
    this.#timer.cancel();
    this.#stopping.abort();
    await this.#pass;
  }

  #schedule(): Timer {
    return this.#clock.setTimer(PRUNE_EVERY_MS, () => {
      this.#pass = this.#prune();
    });
  }

  async #prune(): Promise<void> {
    try {
      await this.#pruner.prune(undefined, this.#stopping.signal);
    } catch (error) {
      const isEmpty = error instanceof HoldfastError && error.reason === "STORE_EMPTY";
      if (!isEmpty && !this.#stopping.signal.aborted) this.#onFailure(error);
    }
    if (!this.#stopping.signal.aborted) this.#timer = this.#schedule();
  }
}
