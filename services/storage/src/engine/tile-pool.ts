import { Worker } from "node:worker_threads";
import type { TileProvers } from "../restore/ports.js";
import type { ProvedBatch, TileBatch } from "../restore/tile-prover.js";
import { RESTORE_THREAD } from "./restore-thread.js";
import type { TileJob, TileResult } from "./tile-worker.js";
import { unpackError } from "./worker-error.js";

interface Job {
  readonly version: bigint;
  readonly batch: TileBatch;
  readonly resolve: (batch: ProvedBatch) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Threads that prove tiles. They run while there is a restore. The queue is bounded by those who
 * fill it: at most 4 uploads of 4 MiB each; a job whose caller has gone leaves it.
 */
export class TilePool implements TileProvers {
  readonly #size: number;
  readonly #newThread: () => Worker;
  readonly #waiting: Set<Job> = new Set();
  readonly #idle: Worker[] = [];
  readonly #busy: Map<Worker, Job> = new Map();

  /**
   * @param size number of threads.
   * @param newThread starts one; a thread of `tile-worker.ts` by default. @throws Error when the
   * system gives no more.
   */
  constructor(size: number, newThread: () => Worker = tileThread) {
    this.#size = size;
    this.#newThread = newThread;
  }

  prepare(): void {
    if (this.#idle.length > 0 || this.#busy.size > 0) return;
    try {
      this.#idle.push(this.#start());
    } catch {
      // The first batch tries again.
    }
  }

  prove(version: bigint, batch: TileBatch, signal: AbortSignal): Promise<ProvedBatch> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        if (this.#waiting.delete(job)) reject(signal.reason);
      };
      const settled = (): void => signal.removeEventListener("abort", leave);
      const job: Job = {
        version,
        batch,
        resolve: (proved) => {
          settled();
          resolve(proved);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(job);
      this.#dispatch();
    });
  }

  async rest(): Promise<void> {
    const idle = this.#idle.splice(0);
    await Promise.all(idle.map((worker) => worker.terminate()));
  }

  #dispatch(): void {
    for (const job of this.#waiting) {
      if (this.#idle.length === 0 && this.#busy.size >= this.#size) return;
      let worker: Worker;
      try {
        worker = this.#idle.pop() ?? this.#start();
      } catch (error) {
        // A thread that is busy comes back for it.
        if (this.#busy.size > 0) return;
        this.#waiting.delete(job);
        job.reject(error);
        continue;
      }
      this.#waiting.delete(job);
      this.#busy.set(worker, job);
      const message: TileJob = { version: job.version, batch: job.batch };
      worker.postMessage(message, [job.batch.body.buffer]);
    }
  }

  #start(): Worker {
    const worker = this.#newThread();
    worker.on("message", (result: TileResult) => {
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      if (result.kind === "proved") job?.resolve(result.batch);
      else job?.reject(unpackError(result.error));
      this.#dispatch();
    });
    // A thread that dies takes its job with it and is replaced when it is needed.
    const lost = (error: unknown): void => {
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      job?.reject(error);
      this.#dispatch();
    };
    worker.on("error", lost);
    worker.on("exit", () => lost(new Error("a tile thread ended")));
    return worker;
  }
}

/** @throws Error when the system gives no more threads. */
export function tileThread(): Worker {
  return new Worker(new URL("tile-worker.js", import.meta.url), RESTORE_THREAD);
}
