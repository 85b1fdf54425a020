import { type Clock, systemClock, type Timer } from "@holdfast/core";
import { SingleBar } from "cli-progress";
import type { ProgressStyle } from "./global-options.js";
import type { Streams } from "./output.js";

/** How far a command is. */
export interface ProgressState {
  readonly items: number;
  /** Bytes of items. */
  readonly bytes: number;
  /** Items in all; null when nobody knows. */
  readonly itemsTotal: number | null;
}

/** Shows how far a command is. */
export interface Progress {
  /** What is being done now. */
  phase(name: string): void;
  update(state: ProgressState): void;
  /** Nothing more will come. */
  stop(): void;
}

/** Least time between two lines of --progress json, milliseconds. */
const LINE_MS = 500;

/** Progress on stderr: a bar on a terminal, JSON lines, or nothing. */
export function createProgress(
  style: ProgressStyle,
  isTerminal: boolean,
  streams: Streams,
  clock: Clock = systemClock,
): Progress {
  if (style === "json") return new JsonProgress(streams, clock);
  if (style === "bar" || (style === "auto" && isTerminal)) return new BarProgress(clock);
  return { phase: () => undefined, update: () => undefined, stop: () => undefined };
}

/** Speed and time to go since a start. */
class Pace {
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

class JsonProgress implements Progress {
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

class BarProgress implements Progress {
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

/** Bytes for people. */
export function humanBytes(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}
