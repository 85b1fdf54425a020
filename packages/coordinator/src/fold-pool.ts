import { strict as assert } from "node:assert";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { TreeNode } from "@holdfast/merkle";
import { type Folded, type FoldTask, runFoldTasks } from "./fold-jobs.js";

/** Bodies that were folded, in the buffer that carries them again. */
export interface FoldAnswer {
  readonly bytes: Buffer;
  /** One for each task, in order. */
  readonly folded: readonly Folded[];
}

interface Waiting {
  readonly resolve: (answer: FoldAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** Threads more than this only wait for the archive. */
const THREADS_MAX = 4;
/** A buffer that owns all its memory but this much is given away and not copied. */
const SLACK_BYTES = 64;

/** A first thread is started when so many frames were folded without one. */
const FOLDED_BEFORE_THREADS = 64;
/** Another thread is started when so many frames wait for each, and so many were folded. */
const WAITING_BEFORE_GROWTH = 2;
const FOLDED_BEFORE_GROWTH = 64;

/**
 * Proves bodies by folding them, 4 to 5 hashes for each item, in threads once there is much to
 * fold: a thread costs 50 ms, and more until its code is compiled, in which the caller's own has
 * folded a small delta between two frames. Another one is started when those
 * there are cannot keep up for long.
 */
export class FoldPool implements AsyncDisposable {
  /** At most so many. */
  readonly threads: number;
  readonly #workers: Worker[] = [];
  readonly #waiting: Map<number, Waiting>[] = [];
  #nextId = 0;
  #folded = 0;
  #failure: unknown = null;

  constructor(threads: number = Math.min(THREADS_MAX, availableParallelism())) {
    this.threads = threads;
  }

  /** Starts the first thread now: what is coming is much. */
  start(): void {
    if (this.#workers.length === 0 && this.#failure === null) this.#startThread();
  }

  /**
   * Folds bodies that lie in one buffer, which is given away: use the answer's. The caller bounds
   * how many wait at the same time.
   */
  fold(bytes: Buffer, tasks: readonly FoldTask[]): Promise<FoldAnswer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#workers.length === 0) {
      if (this.#folded < FOLDED_BEFORE_THREADS)
        return Promise.resolve(this.#foldHere(bytes, tasks));
      this.start();
    }
    const { length } = bytes;
    const { buffer, shift } = givenAway(bytes);
    const moved = tasks.map((task) => ({
      ...task,
      start: task.start + shift,
      end: task.end + shift,
    }));
    const index = this.#leastBusy();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting[index]?.set(id, {
        resolve: ({ bytes: all, folded }) =>
          resolve({ bytes: all.subarray(shift, shift + length), folded }),
        reject,
      });
      this.#workers[index]?.postMessage({ id, buffer, tasks: moved }, [buffer]);
    });
  }

  /** Ends the threads; what waits is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Error("the pool was closed"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #foldHere(bytes: Buffer, tasks: readonly FoldTask[]): FoldAnswer {
    this.#folded += 1;
    return { bytes, folded: runFoldTasks(bytes, tasks) };
  }

  #startThread(): void {
    const worker = new Worker(new URL("./fold-worker.js", import.meta.url));
    const waiting = new Map<number, Waiting>();
    worker.on("message", (answer: { id: number; buffer: ArrayBuffer; folded: Folded[] }) => {
      waiting.get(answer.id)?.resolve({
        bytes: Buffer.from(answer.buffer),
        folded: answer.folded.map(revived),
      });
      waiting.delete(answer.id);
      this.#folded += 1;
      this.#grow();
    });
    worker.on("error", (error) => this.#fail(error));
    this.#workers.push(worker);
    this.#waiting.push(waiting);
  }

  #grow(): void {
    if (this.#folded < FOLDED_BEFORE_GROWTH) return;
    const isBehind = this.#waiting.every(({ size }) => size >= WAITING_BEFORE_GROWTH);
    if (isBehind && this.#workers.length < this.threads && this.#failure === null)
      this.#startThread();
  }

  #leastBusy(): number {
    const sizes = this.#waiting.map(({ size }) => size);
    const index = sizes.indexOf(Math.min(...sizes));
    assert(index >= 0);
    return index;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting) {
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    }
  }
}

/** An ArrayBuffer to transfer, and where the bytes begin in it. */
function givenAway(bytes: Buffer): { buffer: ArrayBuffer; shift: number } {
  const { buffer, byteOffset, byteLength } = bytes;
  // Node's pool and other shared memory must not be detached.
  if (buffer instanceof ArrayBuffer && buffer.byteLength - byteLength <= SLACK_BYTES) {
    return { buffer, shift: byteOffset };
  }
  const copy = new Uint8Array(bytes);
  return { buffer: copy.buffer, shift: 0 };
}

/** Buffers arrive from a thread as plain byte arrays. */
function revived(folded: Folded): Folded {
  const chunkId = asBuffer(folded.chunkId);
  switch (folded.kind) {
    case "full":
      return { ...folded, chunkId, node: revivedNode(folded.node) };
    case "delta":
      return { ...folded, chunkId, from: revivedNode(folded.from), to: revivedNode(folded.to) };
    case "invalid":
      return { ...folded, chunkId };
  }
}

function revivedNode(node: TreeNode): TreeNode {
  switch (node.kind) {
    case "empty":
      return node;
    case "leaf": {
      const { kind, keyHash, valueHash } = node;
      return { kind, keyHash: asBuffer(keyHash), valueHash: asBuffer(valueHash) };
    }
    case "inner":
      return { kind: node.kind, hash: asBuffer(node.hash) };
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
