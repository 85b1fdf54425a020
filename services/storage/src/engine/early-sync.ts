import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { RootDatabase } from "lmdb";
import { DATA_FILE } from "./data-file-head.js";

/** From so many packed bytes (apply-batch.ts) on, a transaction is worth another thread's while. */
const EARLY_BYTES_MIN: number = 4 * 2 ** 20;

/** What the thread is told. */
export const EARLY_SYNC: { readonly rest: 0; readonly sync: 1; readonly stop: 2 } = {
  rest: 0,
  sync: 1,
  stop: 2,
};

/** The Int32 that it shares with its owner: what it is told; its syncs; 1 when one failed. */
export const EARLY_SYNC_AT: { readonly order: 0; readonly syncs: 1; readonly failed: 2 } = {
  order: 0,
  syncs: 1,
  failed: 2,
};
const SHARED_NUMBERS = 3;

/** How the thread begins. */
export interface EarlySyncData {
  /** The data file of the environment. */
  readonly file: string;
  readonly shared: SharedArrayBuffer;
}

/**
 * Large durable transactions, with the disk at work from their first page on. LMDB commits in two
 * steps: it writes all pages to the file, then waits until the disk has them. A thread that syncs
 * the file over and over during the first step leaves little for the second (docs/adr/0010).
 *
 * What is durable is said by LMDB's own sync, which comes after all of it. When a sync of the thread
 * failed, LMDB's may succeed although pages were lost (the cache of a disk that would not be
 * flushed tells only who asked), so that nothing more is durable for the owner.
 */
export class EarlySync {
  readonly #file: string;
  readonly #shared: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  #isStarted = false;

  /** @param folder of the environment. */
  constructor(folder: string) {
    this.#file = join(folder, DATA_FILE);
    this.#shared = new SharedArrayBuffer(SHARED_NUMBERS * Int32Array.BYTES_PER_ELEMENT);
    this.#numbers = new Int32Array(this.#shared);
  }

  /** Times that the thread has synced the file. */
  get syncs(): number {
    return Atomics.load(this.#numbers, EARLY_SYNC_AT.syncs);
  }

  /**
   * One durable transaction.
   * @param bytes that it was packed to.
   * @throws as the transaction does; Error when the disk did not take what the thread synced, from
   * then on each time.
   */
  transaction(root: RootDatabase<Buffer, Buffer>, bytes: number, write: () => void): void {
    const isLarge = bytes >= EARLY_BYTES_MIN;
    if (isLarge) this.#start();
    try {
      root.transactionSync(() => {
        this.#throwFailure();
        write();
        if (isLarge) this.#tell(EARLY_SYNC.sync);
      });
    } finally {
      if (isLarge) this.#tell(EARLY_SYNC.rest);
    }
    this.#throwFailure();
  }

  /** Ends the thread. */
  close(): void {
    this.#tell(EARLY_SYNC.stop);
  }

  /** A store without large blocks never has the thread; without it commits are slower, and right. */
  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const workerData: EarlySyncData = { file: this.#file, shared: this.#shared };
    try {
      const thread = new Worker(new URL("early-sync-worker.js", import.meta.url), { workerData });
      thread.on("error", () => undefined);
      thread.unref();
    } catch {
      // The system gives no more threads.
    }
  }

  #throwFailure(): void {
    if (Atomics.load(this.#numbers, EARLY_SYNC_AT.failed) === 0) return;
    throw new Error(`${this.#file} could not be synced`);
  }

  #tell(order: number): void {
    Atomics.store(this.#numbers, EARLY_SYNC_AT.order, order);
    Atomics.notify(this.#numbers, EARLY_SYNC_AT.order);
  }
}
