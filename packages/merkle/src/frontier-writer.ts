import { type WrittenChanges, writtenChanges } from "./delta-change.js";
import type { DeltaPlaces } from "./delta-walk.js";
import { type NodePlace, writeNodeStep, writeStep } from "./frontier-step.js";
import type { WireWriter } from "./wire.js";

/**
 * The later state, as the writer of a delta needs it. A place is under the tile's path: the first
 * `depth` (0..256) bits of `position`; the rest is zero. The position is reused: copy what you keep.
 */
export interface DeltaTree {
  /** Where the node of the subtree at a place lies; good until the next question. */
  locate(position: Buffer, depth: number): NodePlace;
}

// All that the walk needs to know of a node that nobody asks for: whether it has a key.
const EMPTY = 0;
const FULL = 1;

const NOTHING: DeltaTree = {
  locate: () => {
    throw new Error("no tile was begun");
  },
};

/** Answers the walk from the later state and writes the answers down; makes no nodes. */
export class FrontierWriter implements DeltaPlaces<number> {
  readonly empty: number = EMPTY;
  readonly #body: WireWriter;
  #changes: WrittenChanges;
  #view: DeltaTree;

  constructor(body: WireWriter) {
    this.#body = body;
    this.#changes = writtenChanges([]);
    this.#view = NOTHING;
  }

  /** Begins with another tile. */
  begin(changes: WrittenChanges, view: DeltaTree): void {
    this.#changes = changes;
    this.#view = view;
  }

  bit(change: number, depth: number): 0 | 1 {
    return this.#changes.bit(change, depth);
  }

  endsAt(position: Buffer, depth: number, change: number): boolean {
    // It is alone where what was put is the only key, or where a deletion left none.
    const alone = this.#changes.isPut(change) ? "leaf" : "empty";
    const isAlone = this.#view.locate(position, depth).kind === alone;
    writeStep(this.#body, isAlone ? "end" : "enter");
    return isAlone;
  }

  unchanged(position: Buffer, depth: number): number {
    const node = this.#view.locate(position, depth);
    writeNodeStep(this.#body, node);
    return node.kind === "empty" ? EMPTY : FULL;
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
