import { EMPTY_HASH } from "@holdfast/merkle";
import type { MessageHasher } from "./message-hasher.js";
import { HASH_BYTES, NODE_SLOTS, type NodeShape, SLOT_HASH_AT, slotsBelow } from "./node-shape.js";
import { PhysicalNode } from "./physical-node.js";
import type { Slot } from "./slot.js";
import { exchangeSlots, type SlotChange } from "./slot-exchange.js";

/** What is hashed of a leaf: its prefix, key hash, value hash. */
const LEAF_PREFIX: Buffer = Buffer.from("JMT::LeafNode", "latin1");
/** What is hashed of an inner node: its prefix, left, right. */
const INNER_PREFIX: Buffer = Buffer.from("JMT::IntrnalNode", "latin1");
const LEAF_MESSAGE_BYTES: number = LEAF_PREFIX.length + 2 * HASH_BYTES;
const INNER_MESSAGE_BYTES: number = INNER_PREFIX.length + 2 * HASH_BYTES;
/** Messages that one node needs at most: 15 inner ones; each of its slots may be a leaf. */
const NODE_INNERS = 15;
/** Inner messages for each leaf message; trees have about two. */
const INNERS_PER_LEAF = 2;
/** Highest round: a leaf, then four levels for each of the 64 nibbles. */
const ROUNDS_MAX = 260;

/** Memory of the messages, bytes: wide rounds, and it stays in the cache of a core. */
export const TREE_HEAP_BYTES: number = 2 ** 18;

/**
 * Messages of one kind, side by side in the hasher's memory. Their prefixes are written once and
 * stay.
 */
class Messages {
  readonly bytes: number;
  readonly #start: number;
  readonly #end: number;
  #next: number;

  constructor(heap: Uint8Array, start: number, count: number, prefix: Buffer, bytes: number) {
    this.bytes = bytes;
    this.#start = start;
    this.#end = start + count * bytes;
    this.#next = start;
    for (let at = start; at < this.#end; at += bytes) heap.set(prefix, at);
  }

  hasRoomFor(count: number): boolean {
    return this.#next + count * this.bytes <= this.#end;
  }

  take(): number {
    const message = this.#next;
    this.#next += this.bytes;
    return message;
  }

  clear(): void {
    this.#next = this.#start;
  }
}

/** A node whose hashes are not made yet. */
class Draft {
  readonly path: string;
  readonly encoded: Buffer;
  readonly shape: NodeShape;
  /** Pairs: heap position, and address of its hash after the rounds. */
  readonly outs: number[] = [];
  /** The round of its top hash; -1 when there is none, or it is made. */
  topRound = -1;
  topJob = -1;
  /** Where its top hash will be. */
  topOut = 0;
  /** Where the parent keeps the hash of this node. */
  slotIn: Buffer | null = null;
  slotAt = 0;

  constructor(path: string, encoded: Buffer, shape: NodeShape) {
    this.path = path;
    this.encoded = encoded;
    this.shape = shape;
  }
}

/** A slot whose hash may not be made yet. */
class DraftSlot {
  readonly kind = "inner";
  readonly version: bigint;
  /** A view of the node's own top hash: right once that is made. */
  readonly hash: Buffer;
  readonly items: number;
  readonly bytes: number;
  readonly draft: Draft;

  constructor(version: bigint, hash: Buffer, items: number, bytes: number, draft: Draft) {
    this.version = version;
    this.hash = hash;
    this.items = items;
    this.bytes = bytes;
    this.draft = draft;
  }
}

/** Jobs of one round: message, length and address of the hash, three numbers each. */
const JOB_NUMBERS = 3;

/**
 * Hashes changed nodes of the tree together: what does not depend on each other is one round, from
 * the leaves upward, so that a round fills the lanes of the hasher. A hash is written straight
 * into the message that needs it.
 */
export class TreeHasher {
  readonly #hasher: MessageHasher;
  readonly #heap: Uint8Array;
  readonly #leaves: Messages;
  readonly #inners: Messages;
  /** Top hashes that nobody needs yet. */
  readonly #tops: Messages;
  readonly #rounds: number[][] = Array.from({ length: ROUNDS_MAX }, () => []);
  #drafts: Draft[] = [];
  /** Round and job of each binary node of the draft being made. */
  readonly #roundOf: Int32Array = new Int32Array(NODE_SLOTS);
  readonly #jobOf: Int32Array = new Int32Array(NODE_SLOTS);
  #written: (path: string, node: PhysicalNode) => void = () => undefined;

  constructor(hasher: MessageHasher, heapBytes: number = TREE_HEAP_BYTES) {
    this.#hasher = hasher;
    this.#heap = hasher.bytes;
    const unit = LEAF_MESSAGE_BYTES + INNERS_PER_LEAF * (INNER_MESSAGE_BYTES + HASH_BYTES);
    const leaves = Math.floor(heapBytes / unit);
    const inners = INNERS_PER_LEAF * leaves;
    let at = hasher.heapStart;
    this.#leaves = new Messages(this.#heap, at, leaves, LEAF_PREFIX, LEAF_MESSAGE_BYTES);
    at += leaves * LEAF_MESSAGE_BYTES;
    this.#inners = new Messages(this.#heap, at, inners, INNER_PREFIX, INNER_MESSAGE_BYTES);
    at += inners * INNER_MESSAGE_BYTES;
    this.#tops = new Messages(this.#heap, at, inners, Buffer.alloc(0), HASH_BYTES);
  }

  /** Begins a tree: `written` is told of each node, children before parents. */
  begin(written: (path: string, node: PhysicalNode) => void): void {
    this.#written = written;
  }

  /**
   * A node with exchanged slots; its children were given before it.
   * @returns the slot that stands for it: a node with one key or none is not kept.
   */
  place(before: PhysicalNode, changes: readonly SlotChange[], path: string, version: bigint): Slot {
    const { encoded, shape, changed } = exchangeSlots(before, changes);
    const node = new PhysicalNode(encoded, shape);
    if ((shape.binaryMask & 2) === 0) return loneSlot(node);
    const { items, bytes } = node.counts();
    const draft = this.#draft(path, encoded, shape, changed, changes);
    const at = shape.hashAt(1);
    return new DraftSlot(version, encoded.subarray(at, at + HASH_BYTES), items, bytes, draft);
  }

  /** The top of the tree with exchanged slots, whatever it holds; all hashes are made. */
  finish(before: PhysicalNode, changes: readonly SlotChange[]): PhysicalNode {
    const { encoded, shape, changed } = exchangeSlots(before, changes);
    this.#draft("", encoded, shape, changed, changes);
    this.#flush();
    return new PhysicalNode(encoded, shape);
  }

  /** Forgets what was given since `begin`. */
  clear(): void {
    for (const round of this.#rounds) round.length = 0;
    this.#drafts = [];
    for (const messages of [this.#leaves, this.#inners, this.#tops]) messages.clear();
  }

  #draft(
    path: string,
    encoded: Buffer,
    shape: NodeShape,
    changed: number,
    changes: readonly SlotChange[],
  ): Draft {
    const hasRoom = this.#inners.hasRoomFor(NODE_INNERS) && this.#leaves.hasRoomFor(NODE_SLOTS);
    if (!hasRoom) this.#flush();
    const draft = new Draft(path, encoded, shape);
    draft.topOut = this.#tops.take();
    for (const { index, slot } of changes) {
      if (!(slot instanceof DraftSlot)) continue;
      slot.draft.slotIn = encoded;
      slot.draft.slotAt = shape.slotAt(index) + SLOT_HASH_AT;
      // Flushed between the two: the hash is there, the view was copied too early.
      if (slot.draft.topRound < 0) encoded.set(slot.hash, slot.draft.slotAt);
    }
    for (let heap = NODE_SLOTS - 1; heap >= 1; heap--) {
      if ((shape.binaryMask & (1 << heap)) === 0 || (slotsBelow(heap) & changed) === 0) continue;
      const message = this.#inners.take();
      const left = message + INNER_PREFIX.length;
      const round = Math.max(
        this.#input(draft, changed, changes, 2 * heap, left),
        this.#input(draft, changed, changes, 2 * heap + 1, left + HASH_BYTES),
      );
      this.#roundOf[heap] = round;
      this.#jobOf[heap] = this.#job(round, message, INNER_MESSAGE_BYTES, draft.topOut);
    }
    if ((shape.binaryMask & 2) !== 0) {
      draft.topRound = this.#roundOf[1] ?? 0;
      draft.topJob = this.#jobOf[1] ?? 0;
    }
    this.#drafts.push(draft);
    return draft;
  }

  /**
   * Brings the hash of a half (heap position 2..31) to its place in the parent's message: now, or
   * by the job that makes it.
   * @returns the first round in which it is there.
   */
  #input(
    draft: Draft,
    changed: number,
    changes: readonly SlotChange[],
    heap: number,
    to: number,
  ): number {
    const { encoded, shape } = draft;
    const below = slotsBelow(heap);
    if (heap < NODE_SLOTS && (shape.binaryMask & (1 << heap)) !== 0) {
      if ((below & changed) === 0) {
        copy32(encoded, shape.hashAt(heap), this.#heap, to);
        return 0;
      }
      const round = this.#roundOf[heap] ?? 0;
      this.#redirect(round, this.#jobOf[heap] ?? 0, to);
      draft.outs.push(heap, to);
      return round + 1;
    }
    const leaf = shape.leafMask & below;
    const inner = shape.innerMask & below;
    if ((leaf | inner) === 0) {
      copy32(EMPTY_HASH, 0, this.#heap, to);
      return 0;
    }
    const index = 31 - Math.clz32(leaf | inner);
    if (leaf !== 0) return this.#leaf(encoded, shape.slotAt(index), to);
    const child = (inner & changed) === 0 ? null : draftOf(changes, index);
    if (child === null || child.topRound < 0) {
      copy32(encoded, shape.slotAt(index) + SLOT_HASH_AT, this.#heap, to);
      return 0;
    }
    this.#redirect(child.topRound, child.topJob, to);
    child.topOut = to;
    return child.topRound + 1;
  }

  #leaf(encoded: Buffer, slotAt: number, to: number): number {
    const message = this.#leaves.take();
    // Key hash and value hash stand side by side in the slot, too.
    copy32(encoded, slotAt, this.#heap, message + LEAF_PREFIX.length);
    copy32(encoded, slotAt + HASH_BYTES, this.#heap, message + LEAF_PREFIX.length + HASH_BYTES);
    this.#job(0, message, LEAF_MESSAGE_BYTES, to);
    return 1;
  }

  #job(round: number, message: number, length: number, out: number): number {
    const jobs = this.#rounds[round] ?? [];
    return jobs.push(message, length, out) - JOB_NUMBERS;
  }

  /** Makes a job leave its hash somewhere else. */
  #redirect(round: number, job: number, out: number): void {
    const jobs = this.#rounds[round];
    if (jobs !== undefined) jobs[job + 2] = out;
  }

  /** Makes all hashes that are waited for and brings them into the nodes. */
  #flush(): void {
    for (const jobs of this.#rounds) {
      if (jobs.length === 0) break;
      for (let at = 0; at < jobs.length; at += JOB_NUMBERS) {
        this.#hasher.add(jobs[at] ?? 0, jobs[at + 1] ?? 0, jobs[at + 2] ?? 0);
      }
      this.#hasher.run();
    }
    for (const draft of this.#drafts) {
      const { path, encoded, shape, outs, slotIn, slotAt, topOut } = draft;
      for (let at = 0; at < outs.length; at += 2) {
        copy32(this.#heap, outs[at + 1] ?? 0, encoded, shape.hashAt(outs[at] ?? 0));
      }
      if (draft.topRound >= 0) copy32(this.#heap, topOut, encoded, shape.hashAt(1));
      if (slotIn !== null) copy32(this.#heap, topOut, slotIn, slotAt);
      draft.topRound = -1;
      if (path !== "") this.#written(path, new PhysicalNode(encoded, shape));
    }
    this.clear();
  }
}

function draftOf(changes: readonly SlotChange[], index: number): Draft | null {
  for (const change of changes) {
    if (change.index === index) return change.slot instanceof DraftSlot ? change.slot.draft : null;
  }
  return null;
}

/** The slot of a node that has one key or none. */
function loneSlot(node: PhysicalNode): Slot {
  const { leafMask } = node.shape;
  return node.slot(leafMask === 0 ? 0 : 31 - Math.clz32(leafMask));
}

function copy32(from: Uint8Array, at: number, to: Uint8Array, toAt: number): void {
  for (let i = 0; i < HASH_BYTES; i++) to[toAt + i] = from[at + i] ?? 0;
}
