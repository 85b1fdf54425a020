import type { Clock } from "@holdfast/core";
import { SingleBar } from "cli-progress";
import { humanBytes } from "./human-bytes.js";
import type { Progress, ProgressState } from "./progress.js";
import { Pace } from "./progress-pace.js";

/** Progress as a bar on a terminal. */
export class BarProgress implements Progress {
  readonly #pace: Pace;
  #bar: SingleBar | null = null;
  #phase = "";

  constructor(clock: Clock) {
    this.#pace = new Pace(clock);
  }

  phase(name: string): void {
    this.stop();
    this.#phase = name;
    this.#pace.restart();
  }

  update(state: ProgressState): void {
    const { items, bytes, itemsTotal } = state;
    const pace = this.#pace.of(state);
    const payload = {
      phase: this.#phase,
      items: items.toLocaleString("en"),
      rate: pace.itemsPerSecond.toLocaleString("en"),
      size: humanBytes(bytes),
      speed: humanBytes(pace.bytesPerSecond),
      left: pace.etaSeconds === null ? "?" : `${pace.etaSeconds} s`,
    };
    if (this.#bar === null) {
      this.#bar = new SingleBar({
        format:
          "{phase} [{bar}] {percentage}% | {items} items, {rate}/s | {size}, {speed}/s | ETA {left}",
        hideCursor: true,
        stream: process.stderr,
        fps: 5,
      });
      this.#bar.start(itemsTotal ?? items, items, payload);
    }
    this.#bar.setTotal(Math.max(1, itemsTotal ?? items));
    this.#bar.update(items, payload);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}
