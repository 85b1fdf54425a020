import { strict as assert } from "node:assert";
import { EMPTY_LOG_ROOT, logInnerHash } from "./log-hash.js";

/** A complete subtree of the log that an append made. */
export interface LogNode {
  /** 0 for a leaf. */
  readonly level: number;
  /** Index among the complete subtrees of its level. */
  readonly index: bigint;
  /** 32 bytes. */
  readonly hash: Buffer;
}

/** The right border of a log: enough to append to it and to know its root. */
export class LogFrontier {
  /** Complete subtrees from left (largest) to right (smallest). */
  readonly #subtrees: Buffer[];
  #size: bigint;

  private constructor(size: bigint, subtrees: Buffer[]) {
    this.#size = size;
    this.#subtrees = subtrees;
  }

  /** The frontier of the log without a leaf. */
  static empty(): LogFrontier {
    return new LogFrontier(0n, []);
  }

  /** The frontier of a log of `size` leaves from its complete subtrees, the largest first. */
  static of(size: bigint, subtrees: readonly Buffer[]): LogFrontier {
    assert.equal(subtrees.length, completeSubtrees(size), "one hash for each complete subtree");
    return new LogFrontier(size, [...subtrees]);
  }

  /** Number of leaves. */
  get size(): bigint {
    return this.#size;
  }

  /** Appends a leaf; answers the complete subtrees this made, the leaf first. */
  append(leafHash: Buffer): LogNode[] {
    let node: LogNode = { level: 0, index: this.#size, hash: leafHash };
    const made = [node];
    while ((node.index & 1n) === 1n) {
      const left = this.#subtrees.pop();
      assert(left !== undefined);
      node = {
        level: node.level + 1,
        index: node.index >> 1n,
        hash: logInnerHash(left, node.hash),
      };
      made.push(node);
    }
    this.#subtrees.push(node.hash);
    this.#size += 1n;
    return made;
  }

  /** RFC 6962 root over all leaves, 32 bytes. */
  root(): Buffer {
    if (this.#size === 0n) return EMPTY_LOG_ROOT;
    return this.#subtrees.reduceRight((right, left) => logInnerHash(left, right));
  }

  /** An independent frontier that stands where this one does. */
  copy(): LogFrontier {
    return new LogFrontier(this.#size, [...this.#subtrees]);
  }
}

/** Number of complete subtrees a log of `size` leaves consists of. */
export function completeSubtrees(size: bigint): number {
  return size.toString(2).replaceAll("0", "").length;
}
