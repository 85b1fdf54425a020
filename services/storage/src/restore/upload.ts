import { HoldfastError, invalidField, limits } from "@holdfast/core";
import { isPath } from "@holdfast/merkle";
import type { TileBatch } from "./tile-prover.js";

/** A part of a tile's body. The parts of a tile follow each other. */
export interface TilePart {
  readonly path: string;
  readonly data: Uint8Array;
  /** Whether the tile is complete with it. */
  readonly last: boolean;
}

/** A batch is full with this many bytes: enough to pay for its way through two threads. */
const BATCH_BYTES = 512 * 1024;
/** Batches of one upload: full ones, and the rest. */
export const UPLOAD_BATCHES_MAX: number = Math.ceil(limits.UPLOAD_BYTES_MAX / BATCH_BYTES) + 1;
/** Room of a batch: it is full, plus one more tile of the usual size. */
const BATCH_CAPACITY: number = BATCH_BYTES + limits.TILE_BYTES_MAX;

/** Puts the parts of one upload together to batches of whole tiles. */
export class UploadAssembly {
  #body: Uint8Array<ArrayBuffer> = Buffer.allocUnsafeSlow(BATCH_CAPACITY);
  #length = 0;
  #tiles: { path: string; end: number }[] = [];
  /** Path of the tile under way; null between tiles. */
  #path: string | null = null;
  #uploadBytes = 0;

  /**
   * Takes the next part; answers a batch when one is full.
   * @throws INVALID_REQUEST, MESSAGE_TOO_LARGE.
   */
  add({ path, data, last }: TilePart): TileBatch | null {
    if (data.length > limits.UPLOAD_PART_BYTES_MAX) {
      throw invalidField("tile_part.data", `at most ${limits.UPLOAD_PART_BYTES_MAX} bytes`);
    }
    if (path === "" || !isPath(path)) {
      throw invalidField("tile_part.path", "1 to 64 lower-case hex digits");
    }
    if (this.#path !== null && this.#path !== path) {
      throw invalidField("tile_part.path", `tile ${this.#path} is not complete`);
    }
    this.#uploadBytes += data.length;
    if (this.#uploadBytes > limits.UPLOAD_BYTES_MAX) {
      throw new HoldfastError(
        "MESSAGE_TOO_LARGE",
        `An upload carries at most ${limits.UPLOAD_BYTES_MAX} bytes. Use several calls.`,
        { metadata: { limit_bytes: `${limits.UPLOAD_BYTES_MAX}` } },
      );
    }
    this.#append(data);
    this.#path = last ? null : path;
    if (!last) return null;
    if (this.#length === (this.#tiles.at(-1)?.end ?? 0)) {
      throw invalidField("tile_part.data", `tile ${path} is empty`);
    }
    this.#tiles.push({ path, end: this.#length });
    return this.#length >= BATCH_BYTES ? this.#take() : null;
  }

  /**
   * The upload is at its end: answers what is left.
   * @throws INVALID_REQUEST when a tile is not complete.
   */
  finish(): TileBatch | null {
    if (this.#path !== null) {
      throw invalidField("tile_part", `the upload ends inside tile ${this.#path}`);
    }
    return this.#tiles.length === 0 ? null : this.#take();
  }

  #append(data: Uint8Array): void {
    const length = this.#length + data.length;
    if (length > this.#body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#body.length));
      larger.set(this.#body.subarray(0, this.#length));
      this.#body = larger;
    }
    this.#body.set(data, this.#length);
    this.#length = length;
  }

  #take(): TileBatch {
    const batch = { body: this.#body.subarray(0, this.#length), tiles: this.#tiles };
    this.#body = Buffer.allocUnsafeSlow(BATCH_CAPACITY);
    this.#length = 0;
    this.#tiles = [];
    return batch;
  }
}
