import {
  DEPTH_MAX,
  EMPTY_NODE,
  type NodePlace,
  nibbleOf,
  pathOf,
  pathRange,
  standAtPath,
  type TreeNode,
} from "@holdfast/merkle";
import { HASH_BYTES, NODE_SLOTS } from "./node-shape.js";
import { type PhysicalNode, type Subtree, treeNodeAt } from "./physical-node.js";
import type { LeafSlot } from "./slot.js";
import type { StoreReader } from "./state-reader.js";

/**
 * Reads the physical node at the first `nibbles` (one or more) of `position` that was written at
 * `version`.
 */
export type ReadNode = (version: bigint, position: Buffer, nibbles: number) => PhysicalNode;

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
  /** Physical nodes on that path from the root down; what lies deeper is of an earlier path. */
  readonly #stack: KnownNode[];
  /** Nodes on that path. An array that is made shorter costs a call into V8's runtime. */
  #onPath = 1;
  /** The answer of `locate`, again and again. */
  readonly #place: { kind: TreeNode["kind"]; bytes: Buffer; at: number } = {
    kind: "empty",
    bytes: Buffer.alloc(0),
    at: 0,
  };
  /** Of the path that was asked for. */
  readonly #position: Buffer = Buffer.alloc(HASH_BYTES);
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
    const reached = this.#descend(position, level);
    const node = this.#nodeAt(reached);
    if (reached === level) {
      const bits = depth - 4 * level;
      return node.binaryNode(bits, nibbleOf(position, level) >> (4 - bits));
    }
    const at = this.#leafOver(reached, position, depth);
    if (at === null) return EMPTY;
    const bytes = node.encoded.readUInt32BE(at + 2 * HASH_BYTES);
    return { node: treeNodeAt("leaf", node.encoded, at), items: 1, bytes };
  }

  /** Where the root of this subtree lies; good until the next question. @throws ROW_CORRUPT */
  locate(position: Buffer, depth: number): NodePlace {
    if (depth === 0) return this.#placeIn(this.root, 1);
    const level = (depth - 1) >> 2;
    const reached = this.#descend(position, level);
    const node = this.#nodeAt(reached);
    if (reached < level) return this.#placeOfLeaf(node, this.#leafOver(reached, position, depth));
    const bits = depth - 4 * level;
    return this.#placeIn(node, (1 << bits) + (nibbleOf(position, level) >> (4 - bits)));
  }

  /**
   * Where the leaf of a key lies; good until the next question. Null when the key is absent.
   * @throws ROW_CORRUPT
   */
  locateLeaf(keyHash: Buffer): NodePlace | null {
    const reached = this.#descend(keyHash, KEY_HASH_NIBBLES);
    const at = this.#leafOver(reached, keyHash, DEPTH_MAX);
    return at === null ? null : this.#placeOfLeaf(this.#nodeAt(reached), at);
  }

  /** The subtree at `path`. @throws ROW_CORRUPT */
  subtree(path: string): Subtree {
    standAtPath(this.#position, path);
    return this.bitNode(this.#position, 4 * path.length);
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
    const reached = this.#descend(keyHash, KEY_HASH_NIBBLES);
    const slot = this.#nodeAt(reached).slot(nibbleOf(keyHash, reached));
    return slot.kind === "leaf" && slot.keyHash.equals(keyHash) ? slot : null;
  }

  /** Items and bytes of everything behind the subtree at `path`. @throws ROW_CORRUPT */
  behind(path: string): { readonly items: number; readonly bytes: number } {
    let items = 0;
    let bytes = 0;
    const { start } = pathRange(path);
    for (let level = 0; level < path.length; level++) {
      const reached = this.#descend(start, level);
      const node = this.#nodeAt(reached);
      if (reached < level) {
        // A lone leaf that stands further up and not under the path may still be behind it.
        const slot = node.slot(nibbleOf(start, reached));
        const isBehind = slot.kind === "leaf" && pathOf(slot.keyHash, path.length) > path;
        return isBehind ? { items: items + 1, bytes: bytes + slot.bytes } : { items, bytes };
      }
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
   * Goes down towards the physical node at the first `level` nibbles of `position`.
   * @returns the level reached, whose node is in `#stack`: below `level` where that node has a leaf
   * or nothing in the slot that leads on.
   */
  #descend(position: Buffer, level: number): number {
    let depth = 0;
    const known = Math.min(level, this.#onPath - 1);
    while (depth < known && this.#nibbles[depth] === nibbleOf(position, depth)) depth++;
    while (depth < level) {
      const nibble = nibbleOf(position, depth);
      const above = this.#stack[depth] as KnownNode;
      let next = above.below?.[nibble];
      if (next === undefined) {
        const version = above.node.childVersion(nibble);
        if (version === null) break;
        next = { node: this.#read(version, position, depth + 1), below: null };
        this.#keep(above, nibble, next);
      }
      this.#nibbles[depth] = nibble;
      depth++;
      this.#stack[depth] = next;
      this.#onPath = depth + 1;
    }
    return depth;
  }

  /** Where the leaf in that level's slot lies, when its key has the first `depth` bits. */
  #leafOver(level: number, position: Buffer, depth: number): number | null {
    const { node } = this.#stack[level] as KnownNode;
    const at = node.leafAt(nibbleOf(position, level));
    return at !== null && sharesBits(node.encoded, at, position, depth) ? at : null;
  }

  #placeIn(node: PhysicalNode, heap: number): NodePlace {
    const kind = node.shape.kind(heap);
    return this.#fill(kind, node, node.nodeAt(heap, kind));
  }

  #placeOfLeaf(node: PhysicalNode, at: number | null): NodePlace {
    return at === null ? this.#fill("empty", node, 0) : this.#fill("leaf", node, at);
  }

  #fill(kind: TreeNode["kind"], { encoded }: PhysicalNode, at: number): NodePlace {
    this.#place.kind = kind;
    this.#place.bytes = encoded;
    this.#place.at = at;
    return this.#place;
  }

  #keep(above: KnownNode, nibble: number, known: KnownNode): void {
    if (++this.#kept > NODES_KEPT_MAX) {
      for (const each of this.#stack) each.below = null;
      this.#kept = 1;
    }
    above.below ??= new Array<KnownNode | undefined>(NODE_SLOTS);
    above.below[nibble] = known;
  }

  #nodeAt(level: number): PhysicalNode {
    return (this.#stack[level] as KnownNode).node;
  }
}

/** Whether the key hash at `at` has the first `depth` bits of `position`. */
function sharesBits(bytes: Buffer, at: number, position: Buffer, depth: number): boolean {
  for (let bits = 0; bits < depth; bits += 8) {
    const difference = (bytes[at + (bits >> 3)] ?? 0) ^ (position[bits >> 3] ?? 0);
    if (difference !== 0) return bits + Math.clz32(difference) - 24 >= depth;
  }
  return true;
}

/** The state whose root this is, as a reader finds it. */
export function viewOf(reader: Pick<StoreReader, "nodeAt">, root: PhysicalNode): TreeView {
  return new TreeView(root, (version, position, nibbles) =>
    reader.nodeAt(version, position, nibbles),
  );
}
