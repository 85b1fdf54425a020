import type { ItemVisit } from "../state/state-reader.js";
import { stateKey, stateKeyVersion } from "./schema.js";

const KEY_HASH_BYTES = 32;
/** Rows of one key passed by before seeking behind them: a step is cheaper than a seek. */
const PASSED_MAX = 8;

/** A walk over state rows that gives the items of one version. */
export class ItemWalk {
  readonly #after: Buffer | null;
  readonly #version: bigint;
  readonly #visit: ItemVisit;
  #rowsLeft: number;
  /** The last key of which it is known what the version holds. */
  decided: Buffer | null;
  /** True when the walk stops before the end of the state. */
  isOver = false;
  /** A key with rows newer than the version, so far. */
  #pending: Buffer | null = null;
  #passed = 0;

  constructor(after: Buffer | null, version: bigint, rowsMax: number, visit: ItemVisit) {
    this.#after = after;
    this.decided = after;
    this.#version = version;
    this.#rowsLeft = rowsMax;
    this.#visit = visit;
  }

  /** Takes rows of one shard. @returns where to seek next; null when there is nothing left. */
  take(rows: Iterable<{ key: Buffer; value: Buffer }>): Buffer | null {
    for (const { key, value } of rows) {
      this.#rowsLeft -= 1;
      const keyHash = key.subarray(0, KEY_HASH_BYTES);
      if (this.decided?.equals(keyHash)) {
        if (++this.#passed > PASSED_MAX) return this.#seek(keyHash, 0n);
        continue;
      }
      if (stateKeyVersion(key) <= this.#version) {
        this.#decide(keyHash);
        if (value.length > 0 && !this.#visit(keyHash, value)) return this.#stop();
      } else {
        if (this.#pending !== null && !this.#pending.equals(keyHash)) this.#decide(this.#pending);
        this.#pending = keyHash;
        if (++this.#passed > PASSED_MAX) return this.#seek(keyHash, this.#version);
      }
      // Never without progress, else the caller would ask the same again.
      if (this.#rowsLeft <= 0 && this.decided !== this.#after) return this.#stop();
    }
    this.#pending = null;
    return null;
  }

  #decide(keyHash: Buffer): void {
    this.decided = keyHash;
    this.#pending = null;
    this.#passed = 0;
  }

  #seek(keyHash: Buffer, version: bigint): Buffer {
    this.#passed = 0;
    return stateKey(keyHash, version);
  }

  #stop(): null {
    this.isOver = true;
    return null;
  }
}
