import { strict as assert } from "node:assert";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { TreeNode } from "@holdfast/merkle";
import type { Folded, TileKind } from "./fold-body.js";
import { type FoldJob, type FoldResult, runFoldJob } from "./fold-jobs.js";
import type { FoldRequest } from "./fold-worker.js";
import type { FrameProof } from "./prove-frame.js";

/** What a thread answers. */
interface FoldAnswer {
  readonly id: number;
  readonly buffer: ArrayBuffer;
  readonly result: FoldResult;
}

/** What a job came to, and the bytes again, which were given away. */
interface Done {
  readonly bytes: Buffer;
  readonly result: FoldResult;
}

interface Waiting {
  readonly resolve: (answer: FoldAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** Threads more than this only wait for the archive. */
const THREADS_MAX = 4;
/** A buffer that owns all its memory but this much is given away and not copied. */
const SLACK_BYTES = 64;

/** A first thread is started when so many jobs were done without one. */
const DONE_BEFORE_THREADS = 64;
/** Another thread is started when so many jobs wait for each, and so many were done. */
const WAITING_BEFORE_GROWTH = 2;
const DONE_BEFORE_GROWTH = 64;

/**
 * Proves tiles by folding them, 4 to 5 hashes for each item, in threads once there is much to fold:
 * a thread costs 50 ms, and more until its code is compiled, in which the caller's own has folded a
 * small delta between two frames. Another one is started when those there are cannot keep up for
 * long.
 */
export class FoldPool implements AsyncDisposable {
  /** At most so many. */
  readonly threads: number;
  readonly #workers: Worker[] = [];
  readonly #waiting: Map<number, Waiting>[] = [];
  #nextId = 0;
  #done = 0;
  #failure: unknown = null;

  constructor(threads: number = Math.min(THREADS_MAX, availableParallelism())) {
    this.threads = threads;
  }

  /** Starts the first thread now: what is coming is much. */
  start(): void {
    if (this.#workers.length === 0 && this.#failure === null) this.#startThread();
  }

  /**
   * Proves a frame of tiles, which is given away: use the answer's bytes. The caller bounds how many
   * wait at the same time.
   */
  async prove(
    tile: TileKind,
    frame: Buffer,
  ): Promise<{ readonly frame: Buffer; readonly proof: FrameProof }> {
    const { bytes, result } = await this.#do(frame, { kind: "frame", tile });
    assert(result.kind === "frame");
    return { frame: bytes, proof: result.proof };
  }

  /** Folds the body of the tile at `path`, which is given away; bounded by the caller, too. */
  async fold(tile: TileKind, path: string, body: Buffer): Promise<Folded> {
    const { result } = await this.#do(body, { kind: "body", tile, path });
    assert(result.kind === "body");
    return result.folded;
  }

  /** Ends the threads; what waits is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Error("the pool was closed"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #do(bytes: Buffer, job: FoldJob): Promise<Done> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#workers.length === 0) {
      if (this.#done < DONE_BEFORE_THREADS) {
        this.#done += 1;
        return { bytes, result: runFoldJob(bytes, job) };
      }
      this.start();
    }
    const { length } = bytes;
    const { buffer, start } = givenAway(bytes);
    const index = this.#leastBusy();
    const id = this.#nextId++;
    const request: FoldRequest = { id, buffer, start, length, job };
    const answer = await new Promise<FoldAnswer>((resolve, reject) => {
      this.#waiting[index]?.set(id, { resolve, reject });
      this.#workers[index]?.postMessage(request, [buffer]);
    });
    // A delta takes longer to be streamed than to be folded.
    if (job.kind === "body" || job.tile === "full") this.#grow();
    return { bytes: Buffer.from(answer.buffer, start, length), result: revived(answer.result) };
  }

  #startThread(): void {
    const worker = new Worker(new URL("./fold-worker.js", import.meta.url));
    const waiting = new Map<number, Waiting>();
    worker.on("message", (answer: FoldAnswer) => {
      this.#done += 1;
      waiting.get(answer.id)?.resolve(answer);
      waiting.delete(answer.id);
    });
    worker.on("error", (error) => this.#fail(error));
    this.#workers.push(worker);
    this.#waiting.push(waiting);
  }

  #grow(): void {
    if (this.#done < DONE_BEFORE_GROWTH) return;
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
function givenAway(bytes: Buffer): { buffer: ArrayBuffer; start: number } {
  const { buffer, byteOffset, byteLength } = bytes;
  // Node's pool and other shared memory must not be detached.
  if (buffer instanceof ArrayBuffer && buffer.byteLength - byteLength <= SLACK_BYTES) {
    return { buffer, start: byteOffset };
  }
  const copy = new Uint8Array(bytes);
  return { buffer: copy.buffer, start: 0 };
}

/** Buffers arrive from a thread as plain byte arrays. */
function revived(result: FoldResult): FoldResult {
  if (result.kind === "frame") return result;
  const { kind, folded } = result;
  switch (folded.kind) {
    case "full":
      return { kind, folded: { ...folded, node: revivedNode(folded.node) } };
    case "delta": {
      const { from, to } = folded;
      return { kind, folded: { ...folded, from: revivedNode(from), to: revivedNode(to) } };
    }
    case "invalid":
      return result;
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
