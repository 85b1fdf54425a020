import { HASH_BYTES } from "./hash.js";
import { DEPTH_MAX, isPath, standAtPath } from "./path.js";
import { proofInvalid } from "./proof-invalid.js";

/**
 * What the walk asks at a place: the subtree under the first `depth` bits of `position`, of which
 * the rest is zero. It is asked in pre-order, and `position` is reused: copy what you keep. How the
 * nodes look is up to who is asked. Changes are numbers.
 */
export interface DeltaPlaces<Node> {
  readonly empty: Node;
  /** The bit at `depth` of the key hash of a change. */
  bit(change: number, depth: number): 0 | 1;
  /**
   * Whether the key of the only change at a place is alone there in both states; or else the walk
   * goes into both halves.
   * @throws PROOF_INVALID when the delta says neither.
   */
  endsAt(position: Buffer, depth: number, change: number): boolean;
  /**
   * The node of a place without a change.
   * @throws PROOF_INVALID when the delta has none for it, or a leaf that does not lie there.
   */
  unchanged(position: Buffer, depth: number): Node;
  /** The leaf of a change in the earlier state; empty when there is none. */
  before(change: number): Node;
  /** The leaf of a change in the later state; empty when there is none. */
  after(change: number): Node;
  /** The node at `depth` above two halves; a lone leaf rises. */
  combine(left: Node, right: Node, depth: number): Node;
}

/**
 * Walks the binary tree of a delta tile and folds it in both states. The writer and the readers of
 * a delta share this walk, so that they cannot disagree. It can be used again and again.
 */
export class DeltaWalk<Node> {
  /** The node in the earlier state of what was walked last. */
  from: Node;
  /** The node in the later state of what was walked last. */
  to: Node;
  /** Its first bits say where the walk stands; the rest is zero. */
  readonly position: Buffer = Buffer.alloc(HASH_BYTES);
  readonly #places: DeltaPlaces<Node>;
  /** Unchanged subtrees with a key met so far. */
  #unchanged = 0;

  constructor(places: DeltaPlaces<Node>) {
    this.#places = places;
    this.from = places.empty;
    this.to = places.empty;
  }

  /** Stands at a path, without a walk yet. @throws PROOF_INVALID when it is none. */
  standAt(path: string): void {
    if (!isPath(path)) throw changeOutside(path);
    standAtPath(this.position, path);
  }

  /**
   * Folds the tile at the path it stands at, where changes `low` to `high - 1` lie, at least one.
   * @throws PROOF_INVALID when the changes or steps are not those of two different states.
   */
  walk(path: string, low: number, high: number): void {
    this.#walk(4 * path.length, low, high);
  }

  #walk(depth: number, low: number, high: number): void {
    if (low === high) {
      this.#stay(depth);
    } else if (high - low > 1) {
      this.#enter(depth, low, high);
    } else if (this.#places.endsAt(this.position, depth, low)) {
      this.from = this.#places.before(low);
      this.to = this.#places.after(low);
    } else {
      if (depth >= DEPTH_MAX) throw wrongStep(depth);
      const before = this.#unchanged;
      this.#enter(depth, low, high);
      // A lone changed key is an end where it is first met alone: one encoding for one difference.
      if (this.#unchanged === before) throw wrongStep(depth);
    }
  }

  #stay(depth: number): void {
    const node = this.#places.unchanged(this.position, depth);
    if (node !== this.#places.empty) this.#unchanged++;
    this.from = node;
    this.to = node;
  }

  #enter(depth: number, low: number, high: number): void {
    const middle = this.#middle(depth, low, high);
    this.#walk(depth + 1, low, middle);
    const { from, to } = this;
    const byte = this.position[depth >> 3] ?? 0;
    this.position[depth >> 3] = byte | (0x80 >> (depth & 7));
    this.#walk(depth + 1, middle, high);
    this.position[depth >> 3] = byte;
    this.from = this.#places.combine(from, this.from, depth);
    this.to = this.#places.combine(to, this.to, depth);
  }

  /** The first of the changes `low` to `high - 1` that lies in the right half. */
  #middle(depth: number, low: number, high: number): number {
    let from = low;
    let to = high;
    while (from < to) {
      const at = (from + to) >> 1;
      if (this.#places.bit(at, depth) === 0) from = at + 1;
      else to = at;
    }
    return from;
  }
}

/** PROOF_INVALID for a step that does not belong where it is. */
export function wrongStep(depth: number): Error {
  return proofInvalid(`The frontier step at depth ${depth} is not the one that belongs there.`, {
    depth: `${depth}`,
  });
}

/** PROOF_INVALID for an unchanged leaf that lies elsewhere. */
export function strayLeaf(depth: number): Error {
  return proofInvalid(`The leaf at depth ${depth} does not lie where it stands.`);
}

/** PROOF_INVALID for a tile without changes. */
export function noChange(path: string): Error {
  return proofInvalid("A tile without a change has no body.", { path });
}

/** PROOF_INVALID for a change that lies elsewhere. */
export function changeOutside(path: string): Error {
  return proofInvalid(`A change does not lie under ${path}.`, { path });
}

/** PROOF_INVALID for changes out of order. */
export function changesDescend(path: string): Error {
  return proofInvalid("The changes do not ascend by key hash.", { path });
}
