import type { Clock } from "@holdfast/core";
import type { ProgressState } from "./progress.js";

/** Speed and time to go since a start. */
export class Pace {
  readonly #clock: Clock;
  #startMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  restart(): void {
    this.#startMs = this.#clock.monotonicMs();
  }

  of({ items, bytes, itemsTotal }: ProgressState): {
    itemsPerSecond: number;
    bytesPerSecond: number;
    etaSeconds: number | null;
  } {
    const seconds = Math.max(0.001, (this.#clock.monotonicMs() - this.#startMs) / 1000);
    const itemsPerSecond = Math.round(items / seconds);
    const etaSeconds =
      itemsTotal === null || itemsPerSecond === 0
        ? null
        : Math.max(0, Math.round((itemsTotal - items) / itemsPerSecond));
    return { itemsPerSecond, bytesPerSecond: Math.round(bytes / seconds), etaSeconds };
  }
}
