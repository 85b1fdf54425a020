import { HoldfastError } from "@holdfast/core";
import type { CommitAnswer } from "./block.js";

/** Commits encoded blocks of the live generation, in the order they are given. */
export interface CommitEngine {
  /**
   * @param request an encoded CommitBlockRequest.
   * @returns the answer, when the block is durable.
   * @throws what is wrong with the block; ENGINE_FAILED.
   */
  commit(request: Buffer): Promise<CommitAnswer>;
  /** Goes on with the generation in this folder; call it while nothing is under way. */
  moveTo(path: string): Promise<void>;
  /** Finishes what was given and ends. */
  close(): Promise<void>;
}

/** Refuses blocks while the disk is nearly full. */
export interface DiskGuard {
  /** @throws DISK_LOW. */
  check(): Promise<void>;
}

/** What has happened, for metrics. */
export interface CommitCounts {
  readonly waiting: number;
  readonly running: number;
  readonly blocks: number;
  readonly refused: number;
}

/** Blocks with the engine: the one being hashed, those being written, the next. */
const RUNNING_MAX = 6;
/** Blocks that wait, and their bytes. */
const WAITING_MAX = 256;
const WAITING_BYTES_MAX: number = 64 * 2 ** 20;
/** What a caller is told to wait when the queue is full, milliseconds. */
const FULL_RETRY_MS = 250;
/** What a caller is told to wait during a restore, milliseconds. */
const PAUSED_RETRY_MS = 1_000;

interface Waiter {
  readonly bytes: number;
  readonly start: () => void;
  readonly refuse: (error: Error) => void;
}

/**
 * The way of all blocks into the store: a bounded queue that a caller leaves when it has gone, in
 * front of the engine.
 */
export class Committer {
  readonly #disk: DiskGuard;
  readonly #waiters: Set<Waiter> = new Set();
  readonly #quiet: Set<() => void> = new Set();
  readonly #engine: CommitEngine;
  #running = 0;
  #waitingBytes = 0;
  #pauses = 0;
  #blocks = 0;
  #refused = 0;

  constructor(engine: CommitEngine, disk: DiskGuard) {
    this.#engine = engine;
    this.#disk = disk;
  }

  get counts(): CommitCounts {
    return {
      waiting: this.#waiters.size,
      running: this.#running,
      blocks: this.#blocks,
      refused: this.#refused,
    };
  }

  /**
   * Commits an encoded CommitBlockRequest. Once it is with the engine it is committed, whether
   * its caller is still there or not.
   * @throws COMMIT_QUEUE_FULL, RESTORE_IN_PROGRESS, DISK_LOW, the signal's reason while it waits,
   * and what the engine finds wrong.
   */
  async commit(request: Buffer, signal: AbortSignal): Promise<CommitAnswer> {
    this.#refuseIfPaused();
    await this.#disk.check();
    this.#refuseIfPaused();
    signal.throwIfAborted();
    if (this.#running < RUNNING_MAX) this.#running += 1;
    else await this.#wait(request.length, signal);
    try {
      const answer = await this.#engine.commit(request);
      this.#blocks += 1;
      return answer;
    } finally {
      this.#passOn();
    }
  }

  /**
   * Waits for the commits in flight; from then on blocks are refused with RESTORE_IN_PROGRESS
   * until the returned function is called (more calls do nothing). Several may pause at once.
   */
  async pause(): Promise<() => void> {
    this.#pauses += 1;
    for (const waiter of this.#waiters) waiter.refuse(restoreInProgress());
    if (this.#running > 0) await new Promise<void>((resolve) => this.#quiet.add(resolve));
    let held = true;
    return () => {
      if (held) this.#pauses -= 1;
      held = false;
    };
  }

  /** Goes on with the generation in this folder; call it while paused. @throws ENGINE_FAILED. */
  async moveTo(path: string): Promise<void> {
    if (this.#pauses === 0 || this.#running > 0) throw new Error("a move needs a pause");
    await this.#engine.moveTo(path);
  }

  /** Finishes what is with the engine and ends. */
  async close(): Promise<void> {
    await this.pause();
    await this.#engine.close();
  }

  #refuseIfPaused(): void {
    if (this.#pauses > 0) throw restoreInProgress();
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    const isFull =
      this.#waiters.size >= WAITING_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX;
    if (isFull) {
      this.#refused += 1;
      throw new HoldfastError(
        "COMMIT_QUEUE_FULL",
        "Blocks arrive faster than they can be written. Try again later.",
        { retryAfterMs: FULL_RETRY_MS },
      );
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        this.#waitingBytes -= bytes;
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => waiter.refuse(signal.reason as Error);
      const waiter: Waiter = {
        bytes,
        start: () => {
          leave();
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      this.#waitingBytes += bytes;
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Gives the place of a finished block to who waits longest. */
  #passOn(): void {
    const [next] = this.#waiters;
    if (next !== undefined) {
      next.start();
      return;
    }
    this.#running -= 1;
    if (this.#running > 0) return;
    for (const resolve of this.#quiet) resolve();
    this.#quiet.clear();
  }
}

function restoreInProgress(): HoldfastError {
  return new HoldfastError(
    "RESTORE_IN_PROGRESS",
    "A restore holds the exclusive lease: blocks are refused until it ends.",
    { retryAfterMs: PAUSED_RETRY_MS },
  );
}
