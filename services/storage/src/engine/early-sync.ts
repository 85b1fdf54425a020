import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { RootDatabase } from "lmdb";

/** From so many bytes of rows on a transaction is worth another thread's while. */
const EARLY_BYTES_MIN: number = 4 * 2 ** 20;

/** What the thread reads. It is told to stop by the third. */
export const EARLY_SYNC: { readonly rest: 0; readonly sync: 1; readonly stop: 2 } = {
  rest: 0,
  sync: 1,
  stop: 2,
};

/** How the thread begins. */
export interface EarlySyncData {
  /** The data file of the environment. */
  readonly file: string;
  /** Int32: the order, and how many times the file was synced. */
  readonly shared: SharedArrayBuffer;
}

/**
 * Large durable transactions, with the disk at work from their first page on. LMDB commits in two
 * steps: it writes all pages to the file, then waits until the disk has them. A thread that syncs
 * the file over and over during the first step leaves little for the second (docs/adr/0010). It
 * promises nothing: what is durable is LMDB's own sync, which comes after all of it, and an error
 * of the disk is told to every descriptor of a file, so that LMDB hears it too.
 */
export class EarlySync {
  readonly #file: string;
  readonly #shared: SharedArrayBuffer = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  readonly #order: Int32Array = new Int32Array(this.#shared);
  #isStarted = false;

  /** @param folder of the environment. */
  constructor(folder: string) {
    this.#file = join(folder, "data.mdb");
  }

  /** Times that the thread has synced the file. */
  get syncs(): number {
    return Atomics.load(this.#order, 1);
  }

  /**
   * One durable transaction.
   * @param bytes of the rows that it writes, about.
   * @throws as the transaction does.
   */
  transaction(root: RootDatabase<Buffer, Buffer>, bytes: number, write: () => void): void {
    if (bytes < EARLY_BYTES_MIN) {
      root.transactionSync(write);
      return;
    }
    this.#start();
    try {
      root.transactionSync(() => {
        write();
        this.#tell(EARLY_SYNC.sync);
      });
    } finally {
      this.#tell(EARLY_SYNC.rest);
    }
  }

  /** Ends the thread. */
  close(): void {
    this.#tell(EARLY_SYNC.stop);
  }

  /** A store without large blocks never has the thread. */
  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const workerData: EarlySyncData = { file: this.#file, shared: this.#shared };
    const thread = new Worker(new URL("early-sync-worker.js", import.meta.url), { workerData });
    // Without it commits are slower, and right.
    thread.on("error", () => undefined);
    thread.unref();
  }

  #tell(order: number): void {
    Atomics.store(this.#order, 0, order);
    Atomics.notify(this.#order, 0);
  }
}
