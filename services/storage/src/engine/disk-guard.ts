import { statfs } from "node:fs/promises";
import { type Clock, HoldfastError } from "@holdfast/core";
import type { DiskGuard } from "../ledger/committer.js";

/** How long a look at the disk counts, milliseconds. */
const LOOK_MS = 1_000;

/** Free bytes of the file system that holds `path`, for us. */
export async function freeDiskBytes(path: string): Promise<bigint> {
  const { bavail, bsize } = await statfs(path, { bigint: true });
  return bavail * bsize;
}

/**
 * Refuses writes while free disk is under a mark, before LMDB could fail on a full disk: a commit
 * that fails is clean, but ends the process.
 */
export class FreeDiskGuard implements DiskGuard {
  readonly #free: () => Promise<bigint>;
  readonly #lowBytes: bigint;
  readonly #clock: Clock;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #freeBytes = 0n;
  /** The look under way: callers of the same moment share it. */
  #looking: Promise<void> | null = null;

  /** @param lowBytes below this, writes are refused. */
  constructor(free: () => Promise<bigint>, lowBytes: bigint, clock: Clock) {
    this.#free = free;
    this.#lowBytes = lowBytes;
    this.#clock = clock;
  }

  /** Free bytes; a look counts for a second. */
  async freeBytes(): Promise<bigint> {
    if (this.#clock.monotonicMs() - this.#lookedMs >= LOOK_MS) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = null;
      });
      await this.#looking;
    }
    return this.#freeBytes;
  }

  async check(): Promise<void> {
    if ((await this.freeBytes()) >= this.#lowBytes) return;
    // The next caller looks again: disk may be freed at any time.
    this.#lookedMs = Number.NEGATIVE_INFINITY;
    throw new HoldfastError(
      "DISK_LOW",
      `Free disk (${this.#freeBytes} bytes) is below the low-water mark of ${this.#lowBytes}. ` +
        "Free or add disk.",
      { metadata: { free_bytes: `${this.#freeBytes}`, low_bytes: `${this.#lowBytes}` } },
    );
  }

  async #look(): Promise<void> {
    this.#freeBytes = await this.#free();
    this.#lookedMs = this.#clock.monotonicMs();
  }
}
