import { ABSENT, ChangeCursor, changesNothing } from "./delta-change.js";
import {
  changeOutside,
  changesDescend,
  type DeltaPlaces,
  DeltaWalk,
  noChange,
  strayLeaf,
  wrongStep,
} from "./delta-walk.js";
import type { DeltaTile, FoldedChanges } from "./folded-delta.js";
import { StepCursor } from "./frontier-step.js";
import { HASH_BYTES } from "./hash.js";
import { LEAVES_MAX, TreeBatch } from "./tree-batch.js";
import { WireReader } from "./wire.js";

/** Most bodies folded together, and all their bytes: more than a frame has. */
const TILES_MAX = 256;
const BODIES_BYTES_MAX = 2_097_152;

/** A tile in the batch's memory. */
interface OpenTile {
  readonly path: string;
  /** Behind its body, and behind the changes in it. */
  readonly end: number;
  readonly frontierAt: number;
  /** Its first change, and the first behind them. */
  readonly low: number;
  readonly high: number;
  readonly puts: number;
  readonly added: number;
  /** Its nodes, once it was walked. */
  from: number;
  to: number;
}

/**
 * Folds the tiles of a frame of deltas together: first all keys and values are hashed, then the
 * walks lay out the trees of both states above the leaves, and these are hashed at once. Nothing is
 * an object but the tiles. Memory: 8 MiB reserved, touched as needed.
 */
export class DeltaBatch implements DeltaPlaces<number> {
  readonly empty: number;
  readonly #tree: TreeBatch;
  readonly #memory: Buffer;
  readonly #body: WireReader;
  readonly #change: ChangeCursor;
  readonly #step: StepCursor;
  readonly #walk: DeltaWalk<number>;
  /** Of each change: where its key hash lies, its value hashes in both states, and its leaves. */
  readonly #keyHashes: Int32Array = new Int32Array(LEAVES_MAX);
  readonly #oldValueHashes: Int32Array = new Int32Array(LEAVES_MAX);
  readonly #valueHashes: Int32Array = new Int32Array(LEAVES_MAX);
  readonly #befores: Int32Array = new Int32Array(LEAVES_MAX);
  readonly #afters: Int32Array = new Int32Array(LEAVES_MAX);
  #changes = 0;

  private constructor(tree: TreeBatch) {
    this.#tree = tree;
    this.empty = tree.empty;
    this.#memory = Buffer.from(tree.batch.bytes.buffer);
    this.#body = new WireReader(this.#memory);
    this.#change = new ChangeCursor(this.#body);
    this.#step = new StepCursor(this.#body);
    this.#walk = new DeltaWalk<number>(this);
  }

  /** Null where WebAssembly's SIMD is missing. */
  static create(): DeltaBatch | null {
    const tree = TreeBatch.create(BODIES_BYTES_MAX);
    return tree === null ? null : new DeltaBatch(tree);
  }

  /**
   * Folds tiles whose bodies lie in `bytes`, one behind the other; null when they are too large for
   * this.
   * @throws PROOF_INVALID when one of them is not the one encoding of a difference; what it says of
   * bytes is about this batch's memory.
   */
  fold(bytes: Buffer, tiles: readonly DeltaTile[]): FoldedChanges[] | null {
    const folded: FoldedChanges[] = [];
    while (folded.length < tiles.length) {
      const together = tilesFrom(tiles, folded.length);
      const some = this.#foldTogether(bytes, together);
      if (some === null) return null;
      folded.push(...some);
    }
    return folded;
  }

  bit(change: number, depth: number): 0 | 1 {
    const byte = this.#memory[(this.#keyHashes[change] ?? 0) + (depth >> 3)] ?? 0;
    return ((byte >> (7 - (depth & 7))) & 1) === 0 ? 0 : 1;
  }

  endsAt(_position: Buffer, depth: number): boolean {
    this.#step.next();
    const { kind } = this.#step;
    if (kind !== "end" && kind !== "enter") throw wrongStep(depth);
    return kind === "end";
  }

  unchanged(position: Buffer, depth: number): number {
    const step = this.#step;
    step.next();
    switch (step.kind) {
      case "empty":
        return this.empty;
      case "inner":
        return step.hashAt;
      case "leaf":
        if (!this.#liesUnder(step.hashAt, position, depth)) throw strayLeaf(depth);
        return this.#tree.makeLeaf(step.hashAt, step.valueHashAt);
      default:
        throw wrongStep(depth);
    }
  }

  before(change: number): number {
    return this.#befores[change] ?? this.empty;
  }

  after(change: number): number {
    return this.#afters[change] ?? this.empty;
  }

  combine(left: number, right: number, depth: number): number {
    const { empty } = this;
    const tree = this.#tree;
    if (left === empty && (right === empty || tree.isLeaf(right))) return right;
    if (right === empty && tree.isLeaf(left)) return left;
    return tree.makeInner(left, right, depth);
  }

  #foldTogether(bytes: Buffer, tiles: readonly DeltaTile[]): FoldedChanges[] | null {
    const tree = this.#tree;
    const start = tiles[0]?.start ?? 0;
    const end = tiles.at(-1)?.end ?? 0;
    if (tiles.length === 0 || end - start > BODIES_BYTES_MAX) return null;
    this.#memory.set(bytes.subarray(start, end), tree.spareAt);
    tree.clear();
    this.#changes = 0;
    const open: OpenTile[] = [];
    for (const tile of tiles) {
      open.push(this.#readChanges(tile, tree.spareAt - start));
      if (tree.full) return null;
    }
    tree.batch.run();
    for (const tile of open) {
      this.#finishChanges(tile);
      this.#body.begin(tile.frontierAt, tile.end);
      this.#walk.walk(tile.path, tile.low, tile.high);
      this.#body.done();
      tile.from = this.#walk.from;
      tile.to = this.#walk.to;
    }
    if (tree.full) return null;
    tree.hash();
    return open.map(({ from, to, low, high, puts, added }) => {
      const deletes = high - low - puts;
      return { fromNode: tree.nodeAt(from), toNode: tree.nodeAt(to), puts, added, deletes };
    });
  }

  /** Takes a tile's changes; the key and value hashes of puts are there after a run. */
  #readChanges({ path, start, end }: DeltaTile, shift: number): OpenTile {
    const tree = this.#tree;
    const { batch } = tree;
    const change = this.#change;
    const low = this.#changes;
    let puts = 0;
    let added = 0;
    this.#body.begin(start + shift, end + shift);
    while (!tree.full && change.next()) {
      const index = this.#changes++;
      const { isPut, oldValueHashAt } = change;
      let keyHash = change.keyHashAt;
      let valueHash = ABSENT;
      if (isPut) {
        const { keyStart, keyEnd, valueStart, end: valueEnd } = change.item;
        keyHash = tree.makeItem();
        valueHash = keyHash + HASH_BYTES;
        batch.add(keyStart, keyEnd - keyStart, keyHash);
        batch.add(valueStart, valueEnd - valueStart, valueHash);
        puts++;
        if (oldValueHashAt === ABSENT) added++;
      }
      this.#keyHashes[index] = keyHash;
      this.#oldValueHashes[index] = oldValueHashAt;
      this.#valueHashes[index] = valueHash;
      this.#befores[index] = this.#leafOf(keyHash, oldValueHashAt);
      this.#afters[index] = this.#leafOf(keyHash, valueHash);
    }
    return {
      path,
      end: end + shift,
      frontierAt: this.#body.at,
      low,
      high: this.#changes,
      puts,
      added,
      from: this.empty,
      to: this.empty,
    };
  }

  /** Checks a tile's changes, now that all hashes are there. */
  #finishChanges({ path, low, high }: OpenTile): void {
    if (low === high) throw noChange(path);
    const { position } = this.#walk;
    this.#walk.standAt(path);
    for (let index = low; index < high; index++) {
      const keyHash = this.#keyHashes[index] ?? 0;
      if (!this.#liesUnder(keyHash, position, 4 * path.length)) throw changeOutside(path);
      if (index > low && this.#compare(this.#keyHashes[index - 1] ?? 0, keyHash) >= 0) {
        throw changesDescend(path);
      }
      const before = this.#oldValueHashes[index] ?? ABSENT;
      const after = this.#valueHashes[index] ?? ABSENT;
      if (before === ABSENT || after === ABSENT) continue;
      if (this.#compare(before, after) === 0) throw changesNothing();
    }
  }

  #leafOf(keyHash: number, valueHash: number): number {
    return valueHash === ABSENT ? this.empty : this.#tree.makeLeaf(keyHash, valueHash);
  }

  /** Whether a key hash has the first `depth` bits of `position`. */
  #liesUnder(keyHash: number, position: Buffer, depth: number): boolean {
    for (let bits = 0; bits < depth; bits += 8) {
      const difference = (this.#memory[keyHash + (bits >> 3)] ?? 0) ^ (position[bits >> 3] ?? 0);
      if (difference !== 0) return bits + Math.clz32(difference) - 24 >= depth;
    }
    return true;
  }

  /** Order of two hashes: negative, zero or positive. */
  #compare(a: number, b: number): number {
    for (let i = 0; i < HASH_BYTES; i++) {
      const difference = (this.#memory[a + i] ?? 0) - (this.#memory[b + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** As many tiles from `first` on as are folded together; a tile that is too large comes alone. */
function tilesFrom(tiles: readonly DeltaTile[], first: number): readonly DeltaTile[] {
  const start = tiles[first]?.start ?? 0;
  let end = first + 1;
  while (end < tiles.length && end < first + TILES_MAX) {
    if ((tiles[end]?.end ?? 0) - start > BODIES_BYTES_MAX) break;
    end++;
  }
  return tiles.slice(first, end);
}
