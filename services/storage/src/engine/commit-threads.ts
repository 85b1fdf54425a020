import assert from "node:assert/strict";
import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { type Clock, HoldfastError, type Timer } from "@holdfast/core";
import type { CommitAnswer } from "../ledger/block.js";
import type { CommitEngine } from "../ledger/committer.js";
import { decodeAnswer } from "./answer-codec.js";
import type { CommitThreadData, CommitterReply, CommitterRequest } from "./commit-messages.js";
import { unpackError } from "./worker-error.js";

/**
 * When no block was answered for so long while some wait, the disk or LMDB hangs; going on would
 * only collect callers.
 */
const COMMIT_MS_MAX = 60_000;
/** The same of a move: it closes and opens files. */
const MOVE_MS_MAX = 60_000;
/** How long the threads may take to end. */
const CLOSE_MS_MAX = 10_000;

/** What the threads need of their surroundings. */
export interface CommitThreadOptions {
  readonly clock: Clock;
  /** Told once when the engine failed: the process must end. */
  readonly onFailure: (error: Error) => void;
}

interface Pending {
  readonly resolve: (answer: CommitAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** The committer and the writer thread of the live generation, as seen by the main thread. */
export class CommitThreads implements CommitEngine {
  readonly #committer: Worker;
  readonly #writer: Worker;
  readonly #options: CommitThreadOptions;
  readonly #pending: Map<number, Pending> = new Map();
  #moving: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  /** Settles with the last move. */
  #moved: Promise<void> = Promise.resolve();
  #watchdog: Timer | null = null;
  #nextId = 0;
  #failure: Error | null = null;
  #isClosing = false;

  private constructor(committer: Worker, writer: Worker, options: CommitThreadOptions) {
    this.#committer = committer;
    this.#writer = writer;
    this.#options = options;
    committer.on("message", (reply: CommitterReply) => this.#onReply(reply));
    for (const worker of [committer, writer]) {
      worker.on("error", (error) => this.#fail(error));
      worker.on("exit", () => {
        if (!this.#isClosing) this.#fail(new Error("a commit thread ended"));
      });
    }
  }

  /** Starts both threads on a generation; resolves when blocks can be committed. */
  static async start(path: string, options: CommitThreadOptions): Promise<CommitThreads> {
    const { port1, port2 } = new MessageChannel();
    const committer = thread("commit-worker.js", { path, peer: port1 });
    const writer = thread("write-worker.js", { path, peer: port2 });
    const threads = new CommitThreads(committer, writer, options);
    await once(committer, "message");
    return threads;
  }

  commit(request: Buffer): Promise<CommitAnswer> {
    if (this.#failure !== null || this.#isClosing) return Promise.reject(engineFailed());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      if (this.#watchdog === null) this.#watch();
      // Copied: the transport's buffer may be part of a pool, which must stay here.
      const bytes = new Uint8Array(request);
      const message: CommitterRequest = { kind: "commit", id, request: bytes };
      this.#committer.postMessage(message, [bytes.buffer]);
    });
  }

  /**
   * Both threads leave their generation for the one in this folder. They have all their code, which
   * new ones would load for 0.15 s.
   */
  async moveTo(path: string): Promise<void> {
    if (this.#failure !== null || this.#isClosing) throw engineFailed();
    assert.equal(this.#pending.size, 0, "nothing is under way");
    const late = new Error(`the commit threads did not move within ${MOVE_MS_MAX} ms`);
    const timer = this.#options.clock.setTimer(MOVE_MS_MAX, () => {
      // Who closes has a limit of its own.
      if (!this.#isClosing) this.#fail(late);
    });
    this.#moved = new Promise<void>((resolve, reject) => {
      this.#moving = { resolve, reject };
      const message: CommitterRequest = { kind: "move", path };
      this.#committer.postMessage(message);
    }).finally(() => timer.cancel());
    return this.#moved;
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const exits = Promise.all([once(this.#committer, "exit"), once(this.#writer, "exit")]);
    // A thread that is leaving its generation has none to close yet.
    const ended = this.#moved
      .catch(() => undefined)
      .then(() => {
        const message: CommitterRequest = { kind: "close" };
        this.#committer.postMessage(message);
        return exits;
      });
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(CLOSE_MS_MAX, resolve);
      ended.then(
        () => {
          timer.cancel();
          resolve();
        },
        () => resolve(),
      );
    });
  }

  #onReply(reply: CommitterReply): void {
    switch (reply.kind) {
      case "opened":
        this.#moving?.resolve();
        this.#moving = null;
        return;
      case "failed":
        this.#fail(unpackError(reply.error));
        return;
      case "committed":
        this.#take(reply.id)?.resolve(decodeAnswer(reply.answer));
        return;
      case "refused": {
        const error = unpackError(reply.error);
        this.#take(reply.id)?.reject(error);
        return;
      }
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    this.#watch();
    return pending;
  }

  /** An answer is progress: those who still wait get the whole time again. */
  #watch(): void {
    this.#watchdog?.cancel();
    this.#watchdog =
      this.#pending.size === 0
        ? null
        : this.#options.clock.setTimer(COMMIT_MS_MAX, () =>
            this.#fail(new Error(`no block was durable within ${COMMIT_MS_MAX} ms`)),
          );
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(engineFailed(error));
    this.#moving?.reject(engineFailed(error));
    this.#moving = null;
    this.#options.onFailure(error);
  }
}

function thread(file: string, data: CommitThreadData): Worker {
  return new Worker(new URL(file, import.meta.url), {
    workerData: data,
    transferList: [data.peer],
  });
}

function engineFailed(cause?: Error): HoldfastError {
  return new HoldfastError(
    "ENGINE_FAILED",
    "The store cannot write and its process is about to end. Retry after its restart.",
    { cause },
  );
}
