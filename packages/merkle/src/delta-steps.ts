import { type DeltaChange, type WrittenChanges, writtenChanges } from "./delta-change.js";
import {
  changeOutside,
  changesDescend,
  type DeltaPlaces,
  DeltaWalk,
  noChange,
  strayLeaf,
  wrongStep,
} from "./delta-walk.js";
import { StepCursor } from "./frontier-step.js";
import { HASH_BYTES } from "./hash.js";
import { bitAt, commonBits, compareKeyHash } from "./path.js";
import { combine, EMPTY_NODE, type TreeNode } from "./tree-node.js";
import type { WireReader } from "./wire.js";

/**
 * Folds a delta tile node by node: for deltas of any size, and where there is no SIMD.
 * @param body stands behind the changes.
 * @throws PROOF_INVALID when the changes or steps are not those of two different states.
 */
export function foldDeltaInSteps(
  path: string,
  changes: readonly DeltaChange[],
  body: WireReader,
): { readonly from: TreeNode; readonly to: TreeNode } {
  const walk = new DeltaWalk(new TreeNodes(changes, body));
  checkChanges(path, writtenChanges(changes), walk);
  walk.walk(path, 0, changes.length);
  body.done();
  return walk;
}

/** Comes before every key hash. */
const NO_KEY_HASH: Buffer = Buffer.alloc(0);

/**
 * Makes a walk stand at the path of the changes.
 * @throws PROOF_INVALID unless there is one, all lie under the path and ascend.
 */
export function checkChanges<Node>(
  path: string,
  changes: Pick<WrittenChanges, "count" | "keyHash">,
  walk: DeltaWalk<Node>,
): void {
  if (changes.count === 0) throw noChange(path);
  walk.standAt(path);
  let previous: Buffer = NO_KEY_HASH;
  for (let change = 0; change < changes.count; change++) {
    const keyHash = changes.keyHash(change);
    if (keyHash.length !== HASH_BYTES || commonBits(keyHash, walk.position) < 4 * path.length) {
      throw changeOutside(path);
    }
    if (compareKeyHash(previous, keyHash) >= 0) throw changesDescend(path);
    previous = keyHash;
  }
}

/** The nodes of a delta as objects. */
class TreeNodes implements DeltaPlaces<TreeNode> {
  readonly empty: TreeNode = EMPTY_NODE;
  readonly #changes: readonly DeltaChange[];
  readonly #step: StepCursor;
  readonly #bytes: Buffer;

  constructor(changes: readonly DeltaChange[], body: WireReader) {
    this.#changes = changes;
    this.#step = new StepCursor(body);
    this.#bytes = body.bytes;
  }

  bit(change: number, depth: number): 0 | 1 {
    return bitAt(this.#change(change).keyHash, depth);
  }

  endsAt(_position: Buffer, depth: number): boolean {
    this.#step.next();
    const { kind } = this.#step;
    if (kind !== "end" && kind !== "enter") throw wrongStep(depth);
    return kind === "end";
  }

  unchanged(position: Buffer, depth: number): TreeNode {
    this.#step.next();
    const { kind, hashAt, valueHashAt } = this.#step;
    switch (kind) {
      case "empty":
        return EMPTY_NODE;
      case "inner":
        return { kind, hash: this.#hash(hashAt) };
      case "leaf": {
        const keyHash = this.#hash(hashAt);
        if (commonBits(keyHash, position) < depth) throw strayLeaf(depth);
        return { kind, keyHash, valueHash: this.#hash(valueHashAt) };
      }
      default:
        throw wrongStep(depth);
    }
  }

  before(change: number): TreeNode {
    const { keyHash, oldValueHash } = this.#change(change);
    return oldValueHash === null ? EMPTY_NODE : { kind: "leaf", keyHash, valueHash: oldValueHash };
  }

  after(index: number): TreeNode {
    const change = this.#change(index);
    if (change.kind === "delete") return EMPTY_NODE;
    return { kind: "leaf", keyHash: change.keyHash, valueHash: change.valueHash };
  }

  combine(left: TreeNode, right: TreeNode): TreeNode {
    return combine(left, right);
  }

  #change(index: number): DeltaChange {
    const change = this.#changes[index];
    if (change === undefined) throw new RangeError(`there is no change ${index}`);
    return change;
  }

  #hash(at: number): Buffer {
    return this.#bytes.subarray(at, at + HASH_BYTES);
  }
}
