import type { DeltaChange } from "./delta-change.js";
import type { DeltaPlaces } from "./delta-walk.js";
import { writeStep } from "./frontier-step.js";
import { bitAt } from "./path.js";
import type { TreeNode } from "./tree-node.js";
import type { WireWriter } from "./wire.js";

/**
 * A place in the binary tree: the first `depth` bits of `keyHash`; the rest is zero. The key hash
 * is reused: copy what you keep.
 */
export interface BitPath {
  readonly keyHash: Buffer;
  /** 0..256. */
  readonly depth: number;
}

/** The later state, as the writer of a delta needs it. */
export interface DeltaTree {
  /** The node and the number of items of the subtree at a place under the tile's path. */
  node(bitPath: BitPath): { readonly node: TreeNode; readonly items: number };
}

// All that the walk needs to know of a node that nobody asks for: whether it has a key.
const EMPTY = 0;
const FULL = 1;

/** Answers the walk from the later state and writes the answers down; makes no nodes. */
export class FrontierWriter implements DeltaPlaces<number> {
  readonly empty: number = EMPTY;
  readonly #changes: readonly DeltaChange[];
  readonly #view: DeltaTree;
  readonly #body: WireWriter;

  constructor(changes: readonly DeltaChange[], view: DeltaTree, body: WireWriter) {
    this.#changes = changes;
    this.#view = view;
    this.#body = body;
  }

  bit(change: number, depth: number): 0 | 1 {
    const { keyHash } = this.#changes[change] ?? {};
    return keyHash === undefined ? 0 : bitAt(keyHash, depth);
  }

  endsAt(position: Buffer, depth: number, change: number): boolean {
    const { items } = this.#view.node({ keyHash: position, depth });
    const others = this.#changes[change]?.kind === "put" ? items - 1 : items;
    writeStep(this.#body, { kind: others === 0 ? "end" : "enter" });
    return others === 0;
  }

  unchanged(position: Buffer, depth: number): number {
    const { node } = this.#view.node({ keyHash: position, depth });
    writeStep(this.#body, node);
    return node.kind === "empty" ? EMPTY : FULL;
  }

  again(node: number): number {
    return node;
  }

  before(): number {
    return FULL;
  }

  after(): number {
    return FULL;
  }

  combine(): number {
    return FULL;
  }
}
