import type { DeltaChange } from "./delta-change.js";
import type { FrontierStep } from "./frontier-step.js";
import { HASH_BYTES } from "./hash.js";
import { bitAt, commonBits, compareKeyHash, DEPTH_MAX, hasPath, pathRange } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";
import type { TreeNode } from "./tree-node.js";

/** A subtree in the earlier and in the later state. */
export interface NodePair<Node> {
  readonly from: Node;
  readonly to: Node;
}

/** How to make the nodes of both states; how they look is up to the maker. */
export interface DeltaNodeMaker<Node> {
  readonly empty: Node;
  leaf(keyHash: Buffer, valueHash: Buffer): Node;
  /** An inner node of which only the hash is known. */
  inner(hash: Buffer): Node;
  /** The node above two halves; a lone leaf rises. */
  combine(left: Node, right: Node): Node;
}

/**
 * Answers the step of the subtree under the first `depth` bits of `position`, in pre-order.
 * `change` is the one changed key there; null when nothing changed. `position` is reused: copy
 * what you keep.
 */
export type NextStep = (
  position: Buffer,
  depth: number,
  change: DeltaChange | null,
) => FrontierStep;

/**
 * Walks the binary tree under `path` with the changes of a delta tile and folds it in both
 * states. The writer and the reader of a delta share this walk, so that they cannot disagree.
 * @throws PROOF_INVALID when the changes or steps are not those of two different states.
 */
export function walkDelta<Node>(
  path: string,
  changes: readonly DeltaChange[],
  nextStep: NextStep,
  make: DeltaNodeMaker<Node>,
): NodePair<Node> {
  checkChanges(path, changes);
  return new DeltaWalk(path, changes, nextStep, make).walk(4 * path.length, 0, changes.length);
}

class DeltaWalk<Node> {
  readonly #changes: readonly DeltaChange[];
  readonly #nextStep: NextStep;
  readonly #make: DeltaNodeMaker<Node>;
  /** Its first bits say where the walk stands; the rest is zero. */
  readonly #position: Buffer;
  /** Unchanged subtrees with a key met so far. */
  #unchanged = 0;

  constructor(
    path: string,
    changes: readonly DeltaChange[],
    nextStep: NextStep,
    make: DeltaNodeMaker<Node>,
  ) {
    this.#changes = changes;
    this.#nextStep = nextStep;
    this.#make = make;
    this.#position = pathRange(path).start;
  }

  /** Folds the subtree at `depth` under the position, where changes `low` to `high - 1` lie. */
  walk(depth: number, low: number, high: number): NodePair<Node> {
    const change = this.#changes[low];
    if (low === high || change === undefined) return this.#unchangedAt(depth);
    if (high - low > 1) return this.#enter(depth, low, high);
    const step = this.#nextStep(this.#position, depth, change);
    if (step.kind === "end") return this.#endOf(change);
    if (step.kind !== "enter" || depth === DEPTH_MAX) throw wrongStep(depth);
    const before = this.#unchanged;
    const pair = this.#enter(depth, low, high);
    // A lone changed key is an end where it is first met alone: one encoding for one difference.
    if (this.#unchanged === before) throw wrongStep(depth);
    return pair;
  }

  #enter(depth: number, low: number, high: number): NodePair<Node> {
    const middle = this.#middle(depth, low, high);
    const left = this.walk(depth + 1, low, middle);
    this.#setBit(depth, 1);
    const right = this.walk(depth + 1, middle, high);
    this.#setBit(depth, 0);
    return {
      from: this.#make.combine(left.from, right.from),
      to: this.#make.combine(left.to, right.to),
    };
  }

  /** The first of the changes `low` to `high - 1` that lies in the right half. */
  #middle(depth: number, low: number, high: number): number {
    let [from, to] = [low, high];
    while (from < to) {
      const at = (from + to) >> 1;
      const change = this.#changes[at];
      if (change !== undefined && bitAt(change.keyHash, depth) === 0) from = at + 1;
      else to = at;
    }
    return from;
  }

  #unchangedAt(depth: number): NodePair<Node> {
    const step = this.#nextStep(this.#position, depth, null);
    if (step.kind === "end" || step.kind === "enter") throw wrongStep(depth);
    if (step.kind === "leaf" && commonBits(step.keyHash, this.#position) < depth) {
      throw proofInvalid(`The leaf at depth ${depth} does not lie where it stands.`);
    }
    if (step.kind !== "empty") this.#unchanged++;
    return { from: this.#unchangedNode(step), to: this.#unchangedNode(step) };
  }

  #unchangedNode(node: TreeNode): Node {
    switch (node.kind) {
      case "empty":
        return this.#make.empty;
      case "leaf":
        return this.#make.leaf(node.keyHash, node.valueHash);
      case "inner":
        return this.#make.inner(node.hash);
    }
  }

  /** A changed key that is alone in both states. */
  #endOf(change: DeltaChange): NodePair<Node> {
    const { empty } = this.#make;
    const { keyHash, oldValueHash } = change;
    return {
      from: oldValueHash === null ? empty : this.#make.leaf(keyHash, oldValueHash),
      to: change.kind === "delete" ? empty : this.#make.leaf(keyHash, change.valueHash),
    };
  }

  #setBit(depth: number, bit: 0 | 1): void {
    const mask = 0x80 >> (depth & 7);
    const byte = this.#position[depth >> 3] ?? 0;
    this.#position[depth >> 3] = bit === 1 ? byte | mask : byte & ~mask;
  }
}

function checkChanges(path: string, changes: readonly DeltaChange[]): void {
  if (changes.length === 0) throw proofInvalid("A tile without a change has no body.", { path });
  let previous: Buffer = Buffer.alloc(0);
  for (const { keyHash } of changes) {
    if (keyHash.length !== HASH_BYTES || !hasPath(keyHash, path)) {
      throw proofInvalid(`A change does not lie under ${path}.`, { path });
    }
    if (compareKeyHash(previous, keyHash) >= 0) {
      throw proofInvalid("The changes do not ascend by key hash.", { path });
    }
    previous = keyHash;
  }
}

function wrongStep(depth: number): Error {
  return proofInvalid(`The frontier step at depth ${depth} is not the one that belongs there.`, {
    depth: `${depth}`,
  });
}
