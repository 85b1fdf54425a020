import assert from "node:assert/strict";
import {
  collectDefaultMetrics,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from "prom-client";

/** Values of labels: from closed sets, never keys, versions or ids. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Counter {
  /** @param value 1 by default. */
  add(value?: number, labels?: Labels): void;
}

/** A number that goes up and down. */
export interface Gauge {
  set(value: number, labels?: Labels): void;
}

/** A distribution. */
export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/** Counts calls; the shape of @holdfast/rpc's `CallObserver`. */
export interface CallCounter {
  callStarted(method: string): void;
  callEnded(method: string, status: string, seconds: number): void;
  frameSent(method: string, bytes: number): void;
}

/** What was sent in calls of one method. */
interface SentFrames {
  frames: number;
  bytes: number;
}

/** Buckets for calls: 1 ms to 1 h, seconds. */
const CALL_SECONDS_BUCKETS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600];
/** prom-client's ceiling is memory; a metric of ours never has more labels than this. */
const LABELS_MAX = 4;

/** Metrics of one process, named `holdfast_<service>_<noun>_<unit>`. */
export class Metrics {
  readonly #registry: Registry = new Registry();
  readonly #prefix: string;

  constructor(service: "storage" | "gateway") {
    this.#prefix = `holdfast_${service}_`;
    collectDefaultMetrics({ register: this.#registry, prefix: this.#prefix });
  }

  /** @param name noun and unit; a counter ends with `_total`. */
  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    assert.match(name, /_total$/);
    const counter = new PromCounter(this.#options(name, help, labelNames));
    return { add: (value = 1, labels = {}) => counter.inc(labels, value) };
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    const gauge = new PromGauge(this.#options(name, help, labelNames));
    return { set: (value, labels = {}) => gauge.set(labels, value) };
  }

  /** A gauge that is read when the metrics are. */
  observedGauge(name: string, help: string, read: () => number | Promise<number>): void {
    new PromGauge({
      ...this.#options(name, help, []),
      async collect() {
        this.set(await read());
      },
    });
  }

  /** A counter that is kept elsewhere and read when the metrics are. */
  observedCounter(name: string, help: string, read: () => number): void {
    assert.match(name, /_total$/);
    new PromCounter({
      ...this.#options(name, help, []),
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly string[] = [],
  ): Histogram {
    const options = { ...this.#options(name, help, labelNames), buckets: [...buckets] };
    const histogram = new PromHistogram(options);
    return { observe: (value, labels = {}) => histogram.observe(labels, value) };
  }

  /** Counters of the calls of a `GrpcServer`. Methods and status names are closed sets. */
  callCounter(): CallCounter {
    const running = new Map<string, number>();
    const open = this.gauge("calls_running", "Calls that have not ended", ["method"]);
    const seconds = this.histogram("call_seconds", "Duration of calls", CALL_SECONDS_BUCKETS, [
      "method",
    ]);
    const ended = this.counter("calls_total", "Calls that ended", ["method", "status"]);
    const sent = new Map<string, SentFrames>();
    this.#sentCounter("sent_bytes_total", "Response bytes", sent, ({ bytes }) => bytes);
    this.#sentCounter("sent_frames_total", "Response messages", sent, ({ frames }) => frames);
    const move = (method: string, by: number): void => {
      const now = (running.get(method) ?? 0) + by;
      running.set(method, now);
      open.set(now, { method });
    };
    return {
      callStarted: (method) => move(method, 1),
      callEnded: (method, status, duration) => {
        move(method, -1);
        ended.add(1, { method, status });
        seconds.observe(duration, { method });
      },
      frameSent: (method, bytes) => {
        const sum = sent.get(method) ?? { frames: 0, bytes: 0 };
        sum.frames += 1;
        sum.bytes += bytes;
        sent.set(method, sum);
      },
    };
  }

  /** Counted for every frame, so kept as a number and given to prom-client when it is read. */
  #sentCounter(
    name: string,
    help: string,
    sent: ReadonlyMap<string, SentFrames>,
    read: (sum: SentFrames) => number,
  ): void {
    new PromCounter({
      ...this.#options(name, help, ["method"]),
      collect() {
        this.reset();
        for (const [method, sum] of sent) this.inc({ method }, read(sum));
      },
    });
  }

  /** All of them in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Content type of `text`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  #options(
    name: string,
    help: string,
    labelNames: readonly string[],
  ): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    assert.match(name, /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/);
    assert.ok(labelNames.length <= LABELS_MAX);
    return {
      name: this.#prefix + name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
    };
  }
}
