import { NODE_SLOTS } from "../state/node-shape.js";
import { PhysicalNode } from "../state/physical-node.js";
import { EMPTY_SLOT, type Slot } from "../state/slot.js";
import type { PlanTile } from "./plan-row.js";

/**
 * Makes the physical nodes above the tiles of a plan, which come in ascending order. Memory: one
 * node for each nibble of the current path.
 */
export class UpperFold {
  readonly #version: bigint;
  readonly #written: (path: string, node: PhysicalNode) => void;
  /** Slots along the current path: `#levels[n]` are the children of its first n nibbles. */
  readonly #levels: Slot[][] = [emptySlots()];
  #path = "";

  /**
   * @param version the version at which the tiles' nodes were written.
   * @param written takes the node at each path of one nibble or more; children before parents.
   */
  constructor(version: bigint, written: (path: string, node: PhysicalNode) => void) {
    this.#version = version;
    this.#written = written;
  }

  /** Adds the next tile. */
  add(tile: PlanTile): void {
    const { path } = tile;
    this.#closeTo(commonNibbles(this.#path, path));
    while (this.#levels.length < path.length) this.#levels.push(emptySlots());
    this.#path = path;
    this.#put(path, this.#slotOf(tile));
  }

  /** The top of the tree. */
  finish(): PhysicalNode {
    this.#closeTo(0);
    return PhysicalNode.of(this.#levels[0] ?? emptySlots());
  }

  #slotOf({ node, items, bytes }: PlanTile): Slot {
    switch (node.kind) {
      case "empty":
        return EMPTY_SLOT;
      case "leaf":
        return { kind: "leaf", keyHash: node.keyHash, valueHash: node.valueHash, bytes };
      case "inner":
        return { kind: "inner", version: this.#version, hash: node.hash, items, bytes };
    }
  }

  /** Completes the nodes deeper than `nibbles` along the current path. */
  #closeTo(nibbles: number): void {
    while (this.#levels.length > nibbles + 1) {
      const slots = this.#levels.pop() ?? emptySlots();
      const path = this.#path.slice(0, this.#levels.length);
      this.#put(path, this.#complete(path, slots));
    }
  }

  /** A lone leaf rises into its parent's slot; anything else is a node of its own. */
  #complete(path: string, slots: readonly Slot[]): Slot {
    const [first = EMPTY_SLOT, ...others] = slots.filter(({ kind }) => kind !== "empty");
    if (others.length === 0 && first.kind !== "inner") return first;
    const node = PhysicalNode.of(slots);
    this.#written(path, node);
    const { subtree } = node;
    if (subtree.node.kind !== "inner") throw new Error(`node ${path} is not inner`);
    return {
      kind: "inner",
      version: this.#version,
      hash: subtree.node.hash,
      items: subtree.items,
      bytes: subtree.bytes,
    };
  }

  #put(path: string, slot: Slot): void {
    const slots = this.#levels[path.length - 1];
    if (slots === undefined) throw new Error(`no level is open for ${path}`);
    slots[Number.parseInt(path.slice(-1), 16)] = slot;
  }
}

function emptySlots(): Slot[] {
  return new Array<Slot>(NODE_SLOTS).fill(EMPTY_SLOT);
}

function commonNibbles(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
