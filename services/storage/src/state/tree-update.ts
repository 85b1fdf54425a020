import { createMessageHasher } from "./message-hasher.js";
import { PhysicalNode } from "./physical-node.js";
import { EMPTY_SLOT, type LeafSlot, type Slot } from "./slot.js";
import type { SlotChange } from "./slot-exchange.js";
import { TREE_HEAP_BYTES, TreeHasher } from "./tree-hasher.js";

/** What a block does to one key. */
export interface KeyWrites {
  readonly keyHash: Buffer;
  /**
   * Called once, with what the tree holds of the key before the block.
   * @returns what it holds after; the same value hash means that nothing changed.
   */
  settle(before: LeafSlot | null): LeafSlot | null;
}

/** Where the update finds nodes and leaves new ones. */
export interface NodeStore {
  /** The node at `path` of `version` when it is in memory: others use it, too. */
  pending(version: bigint, path: string): PhysicalNode | null;
  /** Reads the node at `path` of `version`; it is the caller's, who may change its encoding. */
  load(version: bigint, path: string): PhysicalNode;
  /** A node of the new version. Children come before their parents. */
  written(path: string, node: PhysicalNode): void;
  /** The node at `path` of `version` is not part of the new version. */
  replaced(version: bigint, path: string): void;
}

/**
 * Applies a block to the tree: one descent for all its keys together, so that a node is read and
 * written once however many of its keys change.
 * @param root the top of the tree before.
 * @param version the new version.
 * @param writes ascending by key hash, each key once.
 * @param hasher is emptied first; give one to reuse its memory.
 * @returns the top of the tree after; the same object when nothing changed.
 */
export function updateTree(
  root: PhysicalNode,
  version: bigint,
  writes: readonly KeyWrites[],
  store: NodeStore,
  hasher: TreeHasher = new TreeHasher(createMessageHasher(TREE_HEAP_BYTES)),
): PhysicalNode {
  hasher.clear();
  hasher.begin((path, node) => store.written(path, node));
  const update = new TreeUpdate(version, writes, store, hasher);
  const changes = update.changes(root, "", 0, writes.length);
  return changes.length === 0 ? root : hasher.finish(root, changes);
}

const HEX = "0123456789abcdef";

class TreeUpdate {
  readonly #version: bigint;
  readonly #writes: readonly KeyWrites[];
  readonly #store: NodeStore;
  readonly #hasher: TreeHasher;

  constructor(version: bigint, writes: readonly KeyWrites[], store: NodeStore, hasher: TreeHasher) {
    this.#version = version;
    this.#writes = writes;
    this.#store = store;
    this.#hasher = hasher;
  }

  /** What writes `low` to `high - 1`, which all lie under `path`, change in the node there. */
  changes(before: PhysicalNode, path: string, low: number, high: number): SlotChange[] {
    const changes: SlotChange[] = [];
    for (let from = low; from < high; ) {
      const index = nibbleAt(this.#writes[from]?.keyHash, path.length);
      let to = from + 1;
      while (to < high && nibbleAt(this.#writes[to]?.keyHash, path.length) === index) to++;
      const below = `${path}${HEX[index]}`;
      const childVersion = before.childVersion(index);
      const slot =
        childVersion === null
          ? this.#leafSlot(before.slot(index), below, from, to)
          : this.#innerSlot(childVersion, below, from, to);
      if (slot !== null) changes.push({ index, slot });
      from = to;
    }
    return changes;
  }

  /** What becomes of a slot with a node of its own; null when nothing changes. */
  #innerSlot(version: bigint, path: string, low: number, high: number): Slot | null {
    const shared = this.#store.pending(version, path);
    const before = shared ?? this.#store.load(version, path);
    const changes = this.changes(before, path, low, high);
    if (changes.length === 0) return null;
    this.#store.replaced(version, path);
    return this.#hasher.place(before, shared === null, changes, path, this.#version);
  }

  /** What becomes of a slot without one; null when nothing changes. */
  #leafSlot(old: Slot, path: string, low: number, high: number): Slot | null {
    const leaves = this.#leaves(old, low, high);
    const [only] = leaves;
    if (leaves.length > 1) return this.#build(leaves, path);
    const slot = only ?? EMPTY_SLOT;
    return slot === old ? null : slot;
  }

  /** The keys under a slot that has no node of its own, ascending. */
  #leaves(old: Slot, low: number, high: number): LeafSlot[] {
    let held = old.kind === "leaf" ? old : null;
    const leaves: LeafSlot[] = [];
    for (let at = low; at < high; at++) {
      const write = this.#writes[at];
      if (write === undefined) continue;
      let before: LeafSlot | null = null;
      if (held !== null) {
        const order = held.keyHash.compare(write.keyHash);
        if (order < 0) leaves.push(held);
        if (order === 0) before = held;
        if (order <= 0) held = null;
      }
      const after = write.settle(before);
      // The very object of the slot says that nothing changed.
      if (after !== null && before?.valueHash.equals(after.valueHash)) leaves.push(before);
      else if (after !== null) leaves.push(after);
    }
    if (held !== null) leaves.push(held);
    return leaves;
  }

  /** Nodes for two keys or more that had none. */
  #build(leaves: readonly LeafSlot[], path: string): Slot {
    const changes: SlotChange[] = [];
    for (let from = 0; from < leaves.length; ) {
      const leaf = leaves[from];
      if (leaf === undefined) break;
      const index = nibbleAt(leaf.keyHash, path.length);
      let to = from + 1;
      while (to < leaves.length && nibbleAt(leaves[to]?.keyHash, path.length) === index) to++;
      const slot =
        to - from === 1 ? leaf : this.#build(leaves.slice(from, to), `${path}${HEX[index]}`);
      changes.push({ index, slot });
      from = to;
    }
    return this.#hasher.place(PhysicalNode.EMPTY, false, changes, path, this.#version);
  }
}

function nibbleAt(keyHash: Buffer | undefined, depth: number): number {
  const byte = keyHash?.[depth >> 1] ?? 0;
  return (depth & 1) === 0 ? byte >> 4 : byte & 15;
}
