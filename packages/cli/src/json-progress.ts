import type { Clock, Timer } from "@holdfast/core";
import type { Streams } from "./output.js";
import type { Progress, ProgressState } from "./progress.js";
import { Pace } from "./progress-pace.js";

/** Least time between two lines of --progress json, milliseconds. */
const LINE_MS = 500;

/** Progress as lines of JSON. */
export class JsonProgress implements Progress {
  readonly #streams: Streams;
  readonly #clock: Clock;
  readonly #pace: Pace;
  #phase = "start";
  #last: ProgressState = { items: 0, bytes: 0, itemsTotal: null };
  #printedMs = Number.NEGATIVE_INFINITY;
  /** Prints what came since the last line, when nothing else comes. */
  #timer: Timer | null = null;

  constructor(streams: Streams, clock: Clock) {
    this.#streams = streams;
    this.#clock = clock;
    this.#pace = new Pace(clock);
  }

  phase(name: string): void {
    this.#phase = name;
    this.#pace.restart();
    this.#last = { items: 0, bytes: 0, itemsTotal: null };
    this.#print();
  }

  update(state: ProgressState): void {
    this.#last = state;
    const leftMs = this.#printedMs + LINE_MS - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#print();
    else this.#timer ??= this.#clock.setTimer(leftMs, () => this.#print());
  }

  stop(): void {
    this.#print();
  }

  #print(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#printedMs = this.#clock.monotonicMs();
    const { items, bytes, itemsTotal } = this.#last;
    const pace = this.#pace.of(this.#last);
    const line = {
      phase: this.#phase,
      items,
      bytes,
      items_total: itemsTotal,
      items_per_second: pace.itemsPerSecond,
      bytes_per_second: pace.bytesPerSecond,
      eta_seconds: pace.etaSeconds,
    };
    this.#streams.stderr(`${JSON.stringify({ progress: line })}\n`);
  }
}
