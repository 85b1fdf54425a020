import { copyHash, EMPTY_HASH, HASH_BYTES, INNER_PREFIX, LEAF_PREFIX } from "./hash.js";
import { DEPTH_MAX } from "./path.js";

/** Most leaves. */
export const LEAVES_MAX = 32_768;
/** Most inner nodes: hashed keys give about 1.5 for each leaf. */
export const INNERS_MAX = 65_536;

/** Bytes of the message that is hashed for a leaf and for an inner node. */
export const LEAF_BYTES: number = LEAF_PREFIX.length + 2 * HASH_BYTES;
export const INNER_BYTES: number = INNER_PREFIX.length + 2 * HASH_BYTES;
/** Offsets in a leaf. */
export const KEY_HASH: number = LEAF_PREFIX.length;
export const VALUE_HASH: number = KEY_HASH + HASH_BYTES;
/** From one record to the next; both messages fit. */
export const RECORD_BYTES = 80;
/** Memory that the records take. */
export const RECORDS_BYTES: number = (LEAVES_MAX + INNERS_MAX + 1) * RECORD_BYTES;

/**
 * A node is a number: a leaf's index, INNER + an inner node's index, TWIN + a leaf's index for that
 * leaf in a second tree, EMPTY, or below that an inner node of which only the hash is given, by its
 * address.
 */
export const EMPTY = -1;
export const INNER: number = LEAVES_MAX;
const TWIN: number = INNER + INNERS_MAX;

/** Alignment of registers. */
const ALIGNMENT = 16;

/**
 * The nodes of trees as records in a batch's memory. A record is the message that is hashed for its
 * node, so the hash of a node is written into the record of the node above and nowhere else; where
 * that of a topmost node goes is up to `setTarget`. What does not fit only sets `full`.
 */
export class NodeRecords {
  readonly #bytes: Uint8Array;
  /** Key hashes, not records, are aligned. */
  readonly #leavesAt: number;
  readonly #innersAt: number;
  /** Where the hash of each node goes. */
  readonly #targets: Int32Array = new Int32Array(TWIN + LEAVES_MAX);
  /** Of each inner node: height above the leaves, depth, and the last leaf below it. */
  readonly #heights: Uint16Array = new Uint16Array(INNERS_MAX);
  readonly #depths: Uint16Array = new Uint16Array(INNERS_MAX);
  readonly #lastLeaves: Uint16Array = new Uint16Array(INNERS_MAX);
  readonly #order: Int32Array = new Int32Array(INNERS_MAX);
  /** Records that have their prefix already: it never changes. */
  #leavesMade = 0;
  #innersMade = 0;
  #leaves = 0;
  #inners = 0;
  /** Leaves that have a twin. */
  readonly #twins: Int32Array = new Int32Array(LEAVES_MAX);
  #twinsMade = 0;
  #full = false;

  /** Takes RECORDS_BYTES of `bytes`, from `start` on. */
  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#leavesAt = alignUp(start + KEY_HASH) - KEY_HASH;
    this.#innersAt = alignUp(this.#leavesAt + LEAVES_MAX * RECORD_BYTES);
  }

  /** Whether something did not fit: what was made since `clear` is then useless. */
  get full(): boolean {
    return this.#full;
  }

  /** Number of leaves. */
  get leaves(): number {
    return this.#leaves;
  }

  /** Number of inner nodes. */
  get inners(): number {
    return this.#inners;
  }

  /** Address of a leaf's record. */
  leafAt(leaf: number): number {
    return this.#leavesAt + leaf * RECORD_BYTES;
  }

  /** Address of an inner node's record, by its index. */
  innerAt(inner: number): number {
    return this.#innersAt + inner * RECORD_BYTES;
  }

  /** Where the hash of a node goes. */
  target(node: number): number {
    return this.#targets[node] ?? 0;
  }

  setTarget(node: number, address: number): void {
    this.#targets[node] = address;
  }

  /** Depth of an inner node, by its index. */
  depth(inner: number): number {
    return this.#depths[inner] ?? 0;
  }

  /** The last leaf below an inner node, by its index. */
  lastLeaf(inner: number): number {
    return this.#lastLeaves[inner] ?? 0;
  }

  /** Height of a node above the leaves. */
  height(node: number): number {
    return node < INNER || node >= TWIN ? 0 : (this.#heights[node - INNER] ?? 0);
  }

  /** The leaf that a node is; null when it is none. */
  leafOf(node: number): number | null {
    if (node >= TWIN) return node - TWIN;
    return node >= 0 && node < INNER ? node : null;
  }

  /** Forgets all nodes. */
  clear(): void {
    this.#leaves = 0;
    this.#inners = 0;
    this.#twinsMade = 0;
    this.#full = false;
  }

  /** Makes the next leaf. Key hash and value hash are for the caller to put into its record. */
  makeLeaf(): number {
    if (this.#leaves === LEAVES_MAX) {
      this.#full = true;
      return 0;
    }
    const leaf = this.#leaves++;
    if (leaf === this.#leavesMade) {
      this.#bytes.set(LEAF_PREFIX, this.leafAt(leaf));
      this.#leavesMade++;
    }
    return leaf;
  }

  /** The same leaf for a second tree: it is hashed once, and its hash goes to two places. */
  twin(leaf: number): number {
    if (this.#twinsMade === LEAVES_MAX) this.#full = true;
    else this.#twins[this.#twinsMade++] = leaf;
    return TWIN + leaf;
  }

  /** Gives twins the hashes of their leaves, now that these are there. */
  copyTwins(): void {
    for (let i = 0; i < this.#twinsMade; i++) {
      const leaf = this.#twins[i] ?? 0;
      copyHash(this.#bytes, this.target(TWIN + leaf), this.#bytes, this.target(leaf));
    }
  }

  /** An inner node of which only the hash is known, which lies at `address`. */
  given(address: number): number {
    return EMPTY - 1 - address;
  }

  /** Where the hash of such a node lies. */
  givenAt(node: number): number {
    return EMPTY - 1 - node;
  }

  /** Makes the inner node above two halves. */
  makeInner(left: number, right: number, depth = 0, lastLeaf = 0): number {
    if (this.#inners === INNERS_MAX) {
      this.#full = true;
      return INNER;
    }
    const inner = this.#inners++;
    const at = this.innerAt(inner);
    if (inner === this.#innersMade) {
      this.#bytes.set(INNER_PREFIX, at);
      this.#innersMade++;
    }
    this.#place(left, at + INNER_PREFIX.length);
    this.#place(right, at + INNER_PREFIX.length + HASH_BYTES);
    this.#depths[inner] = depth;
    this.#lastLeaves[inner] = lastLeaf;
    this.#heights[inner] = 1 + Math.max(this.height(left), this.height(right));
    return INNER + inner;
  }

  /** The indices of the inner nodes in order of height, sorted by counting. */
  byHeight(): Int32Array {
    const places = new Int32Array(DEPTH_MAX + 2);
    for (let inner = 0; inner < this.#inners; inner++) {
      const above = (this.#heights[inner] ?? 0) + 1;
      places[above] = (places[above] ?? 0) + 1;
    }
    for (let height = 1; height < places.length; height++) {
      places[height] = (places[height] ?? 0) + (places[height - 1] ?? 0);
    }
    for (let inner = 0; inner < this.#inners; inner++) {
      const height = this.#heights[inner] ?? 0;
      const place = places[height] ?? 0;
      this.#order[place] = inner;
      places[height] = place + 1;
    }
    return this.#order.subarray(0, this.#inners);
  }

  #place(node: number, at: number): void {
    if (node >= 0) {
      this.#targets[node] = at;
    } else if (node === EMPTY) {
      this.#bytes.set(EMPTY_HASH, at);
    } else {
      const given = this.givenAt(node);
      this.#bytes.copyWithin(at, given, given + HASH_BYTES);
    }
  }
}

function alignUp(address: number): number {
  return (address + ALIGNMENT - 1) & -ALIGNMENT;
}
