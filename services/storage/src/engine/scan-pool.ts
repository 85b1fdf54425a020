import { Worker } from "node:worker_threads";
import { HoldfastError } from "@holdfast/core";
import { memoryIn as memoryOfGathered } from "../state/gathered-changes.js";
import type { AnswerMessage, EndMessage, JobMessage, ScanJob, ScanResult } from "./scan-job.js";
import { unpackError } from "./worker-error.js";

/** Options of a `ScanPool`. */
export interface ScanPoolOptions {
  /** Threads. */
  readonly threads: number;
  /** Most jobs that wait for a thread. */
  readonly waitingMax: number;
}

/** Told when a thread dies, which nothing recovers from. */
export interface ScanPoolDependencies {
  readonly onFailure: (error: unknown) => void;
}

/** What a pool is doing, for metrics. */
export interface ScanPoolCounts {
  /** Jobs that run. */
  readonly running: number;
  /** Of these, jobs whose caller has left. */
  readonly abandoned: number;
  /** Jobs that wait for a thread. */
  readonly waiting: number;
}

interface Job {
  readonly job: ScanJob;
  /** Called once, by an answer, an abort or a failure. */
  settle: (outcome: Outcome) => void;
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

interface Thread {
  readonly worker: Worker;
  /** One number, shared with the thread: 1 asks the job that runs to stop. */
  readonly cancel: Int32Array;
  running: Job | null;
  isAbandoned: boolean;
  /** Jobs for this thread alone. */
  readonly own: Job[];
}

/** What a caller that is refused is told to wait, milliseconds. */
const RETRY_AFTER_MS = 1_000;

/**
 * Threads that do scan jobs, first come first served. A job whose caller has gone leaves the queue,
 * or is told to stop.
 */
export class ScanPool {
  readonly #threads: readonly Thread[];
  readonly #waiting: Set<Job> = new Set();
  readonly #options: ScanPoolOptions;
  readonly #onFailure: (error: unknown) => void;
  #closing = false;

  constructor(options: ScanPoolOptions, { onFailure }: ScanPoolDependencies) {
    this.#options = options;
    this.#onFailure = onFailure;
    this.#threads = Array.from({ length: options.threads }, () => this.#start());
  }

  get counts(): ScanPoolCounts {
    const running = this.#threads.filter((thread) => thread.running !== null);
    return {
      running: running.length,
      abandoned: running.filter((thread) => thread.isAbandoned).length,
      waiting: this.#waiting.size,
    };
  }

  /**
   * Does a job in one of the threads. Memory in it is handed over.
   * @throws NO_SLOT when too many wait; the signal's reason; what the job throws.
   */
  run<J extends ScanJob>(job: J, signal: AbortSignal): Promise<ScanResult<J>> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closing) throw draining();
      if (this.#waiting.size >= this.#options.waitingMax) throw noSlot();
      const waiting: Job = {
        job,
        settle: (outcome) => {
          signal.removeEventListener("abort", onAbort);
          if ("error" in outcome) reject(outcome.error);
          else resolve(outcome.result as ScanResult<J>);
        },
      };
      const onAbort = (): void => {
        this.#abandon(waiting);
        waiting.settle({ error: signal.reason });
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiting);
      this.#assign();
    });
  }

  /** Closes a generation in every thread, behind the jobs that run. */
  async closeGeneration(path: string): Promise<void> {
    // Threads that have ended hold nothing open.
    if (this.#closing) return;
    const close: ScanJob = { kind: "close", generation: path };
    await Promise.all(
      this.#threads.map(
        (thread) =>
          new Promise<void>((resolve, reject) => {
            thread.own.push({
              job: close,
              settle: (outcome) => ("error" in outcome ? reject(outcome.error) : resolve()),
            });
            this.#assign();
          }),
      ),
    );
  }

  /** Ends all threads. Jobs that run or wait are given up with DRAINING. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#failAll(draining());
    await Promise.all(this.#threads.map(end));
  }

  #start(): Thread {
    const thread: Thread = {
      worker: new Worker(new URL("./scan-worker.js", import.meta.url)),
      cancel: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
      running: null,
      isAbandoned: false,
      own: [],
    };
    thread.worker.on("message", (answer: AnswerMessage) => this.#answered(thread, answer));
    thread.worker.on("error", (error) => this.#failed(error));
    thread.worker.on("exit", (code) => this.#failed(new Error(`a scan thread ended: ${code}`)));
    thread.worker.unref();
    return thread;
  }

  /** Gives free threads work. */
  #assign(): void {
    for (const thread of this.#threads) {
      if (thread.running !== null) continue;
      const next = thread.own.shift() ?? this.#takeWaiting();
      if (next === undefined) continue;
      thread.running = next;
      thread.isAbandoned = false;
      Atomics.store(thread.cancel, 0, 0);
      const message: JobMessage = { job: next.job, cancel: thread.cancel };
      thread.worker.postMessage(message, memoryIn(next.job));
    }
  }

  #takeWaiting(): Job | undefined {
    const [next] = this.#waiting;
    if (next !== undefined) this.#waiting.delete(next);
    return next;
  }

  #answered(thread: Thread, answer: AnswerMessage): void {
    const job = thread.running;
    const isWanted = !thread.isAbandoned;
    thread.running = null;
    thread.isAbandoned = false;
    this.#assign();
    if (job === null || !isWanted) return;
    job.settle("error" in answer ? { error: unpackError(answer.error) } : answer);
  }

  #abandon(job: Job): void {
    if (this.#waiting.delete(job)) return;
    for (const thread of this.#threads) {
      if (thread.running !== job) continue;
      thread.isAbandoned = true;
      Atomics.store(thread.cancel, 0, 1);
    }
  }

  #failed(error: unknown): void {
    if (this.#closing) return;
    this.#closing = true;
    const failure = new HoldfastError("ENGINE_FAILED", "A scan thread died. Retry later.", {
      retryAfterMs: RETRY_AFTER_MS,
      cause: error,
    });
    this.#failAll(failure);
    this.#onFailure(error);
  }

  #failAll(error: HoldfastError): void {
    const jobs = [...this.#waiting];
    this.#waiting.clear();
    for (const thread of this.#threads) {
      if (thread.running !== null && !thread.isAbandoned) jobs.push(thread.running);
      thread.running = null;
      jobs.push(...thread.own.splice(0));
    }
    for (const job of jobs) job.settle({ error });
  }
}

/** Lets a thread close what it has open, behind the job that it is told to stop. */
function end({ worker, cancel }: Thread): Promise<void> {
  return new Promise((resolve) => {
    // Its end is waited for, so it must keep the process alive until then.
    worker.ref();
    worker.once("exit", () => resolve());
    Atomics.store(cancel, 0, 1);
    const message: EndMessage = { job: null };
    worker.postMessage(message);
  });
}

/** What goes over to the thread instead of being copied. */
function memoryIn(job: ScanJob): ArrayBuffer[] {
  const memory = "memory" in job ? [...job.memory] : [];
  if ("gathered" in job && job.gathered !== null) memory.push(...memoryOfGathered(job.gathered));
  return memory;
}

function draining(): HoldfastError {
  return new HoldfastError("DRAINING", "The process is shutting down.", {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function noSlot(): HoldfastError {
  return new HoldfastError("NO_SLOT", "Too many scans wait for a thread. Try again later.", {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
