import {
  commonBits,
  EMPTY_NODE,
  nibbleOf,
  pathOf,
  pathRange,
  type TreeNode,
} from "@holdfast/merkle";
import { NODE_SLOTS } from "./node-shape.js";
import type { PhysicalNode, Subtree } from "./physical-node.js";
import type { LeafSlot, Slot } from "./slot.js";
import type { StoreReader } from "./state-reader.js";

/**
 * Reads the physical node at the first `nibbles` (one or more) of `position` that was written at
 * `version`.
 */
export type ReadNode = (version: bigint, position: Buffer, nibbles: number) => PhysicalNode;

/** What stands above a place instead of a physical node. */
type MetAbove = Exclude<Slot, { kind: "inner" }>;

const EMPTY: Subtree = { node: EMPTY_NODE, items: 0, bytes: 0 };
const KEY_HASH_NIBBLES = 64;
/** Nodes that are kept beside those of a path, up to 1.6 KiB each. */
const NODES_KEPT_MAX = 512;

/** A node that was read, and those below it that are kept. */
interface KnownNode {
  readonly node: PhysicalNode;
  below: (KnownNode | undefined)[] | null;
}

/**
 * The state tree at one version. Reads its nodes when it needs them, and keeps those of the path
 * it walked last: a walk in order reads every node once. It keeps some more that it read lately,
 * for who walks under the same place twice, as a delta does that compares the changes of a tile and
 * packs them then.
 */
export class TreeView {
  readonly root: PhysicalNode;
  readonly #read: ReadNode;
  /** The nibbles of the path walked last. */
  readonly #nibbles: Uint8Array = new Uint8Array(KEY_HASH_NIBBLES);
  /** Physical nodes on that path from the root down. */
  readonly #stack: KnownNode[];
  /** How many nodes are kept below those of the path, at most. */
  #kept = 0;

  constructor(root: PhysicalNode, read: ReadNode) {
    this.root = root;
    this.#read = read;
    this.#stack = [{ node: root, below: null }];
  }

  /** The subtree under the first `depth` (0..256) bits of `position`. @throws ROW_CORRUPT */
  bitNode(position: Buffer, depth: number): Subtree {
    if (depth === 0) return this.root.subtree;
    const level = (depth - 1) >> 2;
    const bits = depth - 4 * level;
    const met = this.#descend(position, level);
    if (met === null) {
      const node = this.#nodeAt(level);
      return node.binaryNode(bits, nibbleOf(position, level) >> (4 - bits));
    }
    if (!standsUnder(met, position, depth)) return EMPTY;
    return { node: leafOf(met), items: 1, bytes: met.bytes };
  }

  /** The root of this subtree alone. @throws ROW_CORRUPT */
  treeNode(position: Buffer, depth: number): TreeNode {
    if (depth === 0) return this.root.treeNode(0, 0);
    const level = (depth - 1) >> 2;
    const bits = depth - 4 * level;
    const met = this.#descend(position, level);
    if (met === null) {
      const node = this.#nodeAt(level);
      return node.treeNode(bits, nibbleOf(position, level) >> (4 - bits));
    }
    return standsUnder(met, position, depth) ? leafOf(met) : EMPTY_NODE;
  }

  /** The kind of this root. @throws ROW_CORRUPT */
  kind(position: Buffer, depth: number): TreeNode["kind"] {
    if (depth === 0) return this.root.shape.kind(1);
    const level = (depth - 1) >> 2;
    const bits = depth - 4 * level;
    const met = this.#descend(position, level);
    if (met === null) {
      const node = this.#nodeAt(level);
      return node.shape.kind((1 << bits) + (nibbleOf(position, level) >> (4 - bits)));
    }
    return standsUnder(met, position, depth) ? "leaf" : "empty";
  }

  /** The subtree at `path`. @throws ROW_CORRUPT */
  subtree(path: string): Subtree {
    return this.bitNode(pathRange(path).start, 4 * path.length);
  }

  /** Siblings of the subtree at `path`, from its last bit up to the root. @throws ROW_CORRUPT */
  siblings(path: string): TreeNode[] {
    const siblings: TreeNode[] = [];
    const position = pathRange(path).start;
    for (let depth = 4 * path.length; depth > 0; depth--) {
      const at = (depth - 1) >> 3;
      const bit = 0x80 >> ((depth - 1) & 7);
      position[at] = (position[at] ?? 0) ^ bit;
      siblings.push(this.bitNode(position, depth).node);
      position[at] = (position[at] ?? 0) & ~bit;
    }
    return siblings;
  }

  /** The leaf of a key; null when it is absent. @throws ROW_CORRUPT */
  leaf(keyHash: Buffer): LeafSlot | null {
    const met = this.#descend(keyHash, KEY_HASH_NIBBLES);
    return met?.kind === "leaf" && met.keyHash.equals(keyHash) ? met : null;
  }

  /** Items and bytes of everything behind the subtree at `path`. @throws ROW_CORRUPT */
  behind(path: string): { readonly items: number; readonly bytes: number } {
    let items = 0;
    let bytes = 0;
    const { start } = pathRange(path);
    for (let level = 0; level < path.length; level++) {
      // A lone leaf that stands further up and not under the path may still be behind it.
      const met = this.#descend(start, level);
      if (met !== null) {
        const isBehind = met.kind === "leaf" && pathOf(met.keyHash, path.length) > path;
        return isBehind ? { items: items + 1, bytes: bytes + met.bytes } : { items, bytes };
      }
      const node = this.#nodeAt(level);
      for (let index = nibbleOf(start, level) + 1; index < 16; index++) {
        const slot = node.slot(index);
        if (slot.kind === "empty") continue;
        items += slot.kind === "leaf" ? 1 : slot.items;
        bytes += slot.bytes;
      }
    }
    return { items, bytes };
  }

  /**
   * Makes `#stack[level]` the physical node at the first `level` nibbles of `position`.
   * @returns null when it is; otherwise what stands above it instead.
   */
  #descend(position: Buffer, level: number): MetAbove | null {
    let depth = 0;
    const known = Math.min(level, this.#stack.length - 1);
    while (depth < known && this.#nibbles[depth] === nibbleOf(position, depth)) depth++;
    while (depth < level) {
      const nibble = nibbleOf(position, depth);
      const above = this.#stack[depth] as KnownNode;
      let known = above.below?.[nibble];
      if (known === undefined) {
        const version = above.node.childVersion(nibble);
        if (version === null) return above.node.slot(nibble) as MetAbove;
        known = { node: this.#read(version, position, depth + 1), below: null };
        this.#keep(above, nibble, known);
      }
      this.#stack.length = depth + 1;
      this.#stack.push(known);
      this.#nibbles[depth] = nibble;
      depth++;
    }
    return null;
  }

  #keep(above: KnownNode, nibble: number, known: KnownNode): void {
    if (++this.#kept > NODES_KEPT_MAX) {
      for (const onPath of this.#stack) onPath.below = null;
      this.#kept = 1;
    }
    above.below ??= new Array<KnownNode | undefined>(NODE_SLOTS);
    above.below[nibble] = known;
  }

  #nodeAt(level: number): PhysicalNode {
    return (this.#stack[level] as KnownNode).node;
  }
}

/** Whether it is a leaf with the first `depth` bits of `position`. */
function standsUnder(met: MetAbove, position: Buffer, depth: number): met is LeafSlot {
  return met.kind === "leaf" && commonBits(met.keyHash, position) >= depth;
}

function leafOf({ keyHash, valueHash }: LeafSlot): TreeNode {
  return { kind: "leaf", keyHash, valueHash };
}

/** The state whose root this is, as a reader finds it. */
export function viewOf(reader: Pick<StoreReader, "nodeAt">, root: PhysicalNode): TreeView {
  return new TreeView(root, (version, position, nibbles) =>
    reader.nodeAt(version, position, nibbles),
  );
}
