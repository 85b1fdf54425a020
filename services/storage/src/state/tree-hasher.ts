import { EMPTY_HASH } from "@holdfast/merkle";
import { copyWords, memoryOf } from "./copy-words.js";
import { HashMessages } from "./hash-messages.js";
import { JobRound } from "./job-round.js";
import type { MessageHasher } from "./message-hasher.js";
import { DraftSlot, NodeDraft } from "./node-draft.js";
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
const EMPTY: DataView = new DataView(
  EMPTY_HASH.buffer,
  EMPTY_HASH.byteOffset,
  EMPTY_HASH.byteLength,
);
/** Words of a hash, for `copyWords`. */
const HASH_WORDS: number = HASH_BYTES / 4;
/** Numbers for each hash that goes back into a node: its place there, and in the heap. */
const OUT_NUMBERS = 2;

/** Memory of the messages, bytes: wide rounds, and it stays in the cache of a core. */
export const TREE_HEAP_BYTES: number = 2 ** 18;

/**
 * Hashes changed nodes of the tree together: what does not depend on each other is one round, from
 * the leaves upward, so that a round fills the lanes of the hasher. A hash is written straight
 * into the message that needs it.
 */
export class TreeHasher {
  readonly #hasher: MessageHasher;
  readonly #heap: DataView;
  readonly #leaves: HashMessages;
  readonly #inners: HashMessages;
  /** Top hashes that nobody needs yet. */
  readonly #tops: HashMessages;
  readonly #rounds: readonly JobRound[] = Array.from({ length: ROUNDS_MAX }, () => new JobRound());
  #drafts: NodeDraft[] = [];
  /** Hashes that go back into their nodes, draft after draft. */
  readonly #outs: Int32Array;
  #outsUsed = 0;
  /** Round and job of each binary node of the draft being made. */
  readonly #roundOf: Int32Array = new Int32Array(NODE_SLOTS);
  readonly #jobOf: Int32Array = new Int32Array(NODE_SLOTS);
  #written: (path: string, node: PhysicalNode) => void = () => undefined;

  constructor(hasher: MessageHasher, heapBytes: number = TREE_HEAP_BYTES) {
    this.#hasher = hasher;
    const { bytes: memory } = hasher;
    this.#heap = new DataView(memory.buffer, memory.byteOffset, memory.length);
    const unit = LEAF_MESSAGE_BYTES + INNERS_PER_LEAF * (INNER_MESSAGE_BYTES + HASH_BYTES);
    const leaves = Math.floor(heapBytes / unit);
    const inners = INNERS_PER_LEAF * leaves;
    let at = hasher.heapStart;
    this.#leaves = new HashMessages(memory, at, leaves, LEAF_PREFIX, LEAF_MESSAGE_BYTES);
    at += leaves * LEAF_MESSAGE_BYTES;
    this.#inners = new HashMessages(memory, at, inners, INNER_PREFIX, INNER_MESSAGE_BYTES);
    at += inners * INNER_MESSAGE_BYTES;
    this.#tops = new HashMessages(memory, at, inners, Buffer.alloc(0), HASH_BYTES);
    this.#outs = new Int32Array(OUT_NUMBERS * inners);
  }

  /** Begins a tree: `written` is told of each node, children before parents. */
  begin(written: (path: string, node: PhysicalNode) => void): void {
    this.#written = written;
  }

  /**
   * A node with exchanged slots; its children were given before it.
   * @param isOwn `before` is nobody else's: its memory may become the new node's.
   * @returns the slot that stands for it: a node with one key or none is not kept.
   */
  place(
    before: PhysicalNode,
    isOwn: boolean,
    changes: readonly SlotChange[],
    path: string,
    version: bigint,
  ): Slot {
    const { encoded, shape, changed } = exchangeSlots(before, isOwn, changes);
    const node = new PhysicalNode(encoded, shape);
    if ((shape.binaryMask & 2) === 0) return loneSlot(node);
    const { items, bytes } = node.counts();
    const draft = this.#draft(path, encoded, shape, changed, changes);
    return new DraftSlot(version, items, bytes, draft);
  }

  /** The top of the tree with exchanged slots, whatever it holds; all hashes are made. */
  finish(before: PhysicalNode, changes: readonly SlotChange[]): PhysicalNode {
    const { encoded, shape, changed } = exchangeSlots(before, false, changes);
    this.#draft("", encoded, shape, changed, changes);
    this.#flush();
    return new PhysicalNode(encoded, shape);
  }

  /** Forgets what was given since `begin`. */
  clear(): void {
    for (const round of this.#rounds) {
      if (round.isEmpty) break;
      round.clear();
    }
    this.#drafts = [];
    this.#outsUsed = 0;
    for (const messages of [this.#leaves, this.#inners, this.#tops]) messages.clear();
  }

  #draft(
    path: string,
    encoded: Buffer,
    shape: NodeShape,
    changed: number,
    changes: readonly SlotChange[],
  ): NodeDraft {
    const hasRoom = this.#inners.hasRoomFor(NODE_INNERS) && this.#leaves.hasRoomFor(NODE_SLOTS);
    if (!hasRoom) this.#flush();
    const view = memoryOf(encoded);
    const draft = new NodeDraft(path, encoded, shape, view, this.#outsUsed);
    draft.topOut = this.#tops.take();
    for (const { index, slot } of changes) {
      if (!(slot instanceof DraftSlot)) continue;
      const child = slot.draft;
      child.parent = draft;
      child.slotAt = encoded.byteOffset + shape.slotAt(index) + SLOT_HASH_AT;
      // Flushed between the two: the hash is there.
      if (child.topRound < 0) {
        copyWords(child.view, child.topAt, draft.view, child.slotAt, HASH_WORDS);
      }
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
    draft.outsTo = this.#outsUsed;
    this.#drafts.push(draft);
    return draft;
  }

  /**
   * Brings the hash of a half (heap position 2..31) to its place in the parent's message: now, or
   * by the job that makes it.
   * @returns the first round in which it is there.
   */
  #input(
    draft: NodeDraft,
    changed: number,
    changes: readonly SlotChange[],
    heap: number,
    to: number,
  ): number {
    const { shape } = draft;
    const below = slotsBelow(heap);
    if (heap < NODE_SLOTS && (shape.binaryMask & (1 << heap)) !== 0) {
      const at = draft.encoded.byteOffset + shape.hashAt(heap);
      if ((below & changed) === 0) {
        copyWords(draft.view, at, this.#heap, to, HASH_WORDS);
        return 0;
      }
      const round = this.#roundOf[heap] ?? 0;
      this.#redirect(round, this.#jobOf[heap] ?? 0, to);
      this.#outs[this.#outsUsed] = at;
      this.#outs[this.#outsUsed + 1] = to;
      this.#outsUsed += OUT_NUMBERS;
      return round + 1;
    }
    const leaf = shape.leafMask & below;
    const inner = shape.innerMask & below;
    if ((leaf | inner) === 0) {
      copyWords(EMPTY, 0, this.#heap, to, HASH_WORDS);
      return 0;
    }
    const index = 31 - Math.clz32(leaf | inner);
    const slotAt = draft.encoded.byteOffset + shape.slotAt(index);
    if (leaf !== 0) return this.#leaf(draft.view, slotAt, to);
    const child = (inner & changed) === 0 ? null : draftOf(changes, index);
    if (child === null || child.topRound < 0) {
      copyWords(draft.view, slotAt + SLOT_HASH_AT, this.#heap, to, HASH_WORDS);
      return 0;
    }
    this.#redirect(child.topRound, child.topJob, to);
    child.topOut = to;
    return child.topRound + 1;
  }

  #leaf(node: DataView, slotAt: number, to: number): number {
    const message = this.#leaves.take();
    // Key hash and value hash stand side by side in the slot, too.
    copyWords(node, slotAt, this.#heap, message + LEAF_PREFIX.length, 2 * HASH_WORDS);
    this.#job(0, message, LEAF_MESSAGE_BYTES, to);
    return 1;
  }

  #job(round: number, message: number, length: number, out: number): number {
    return this.#rounds[round]?.add(message, length, out) ?? 0;
  }

  /** Makes a job leave its hash somewhere else. */
  #redirect(round: number, job: number, out: number): void {
    this.#rounds[round]?.redirect(job, out);
  }

  /** Makes all hashes that are waited for and brings them into the nodes. */
  #flush(): void {
    for (const round of this.#rounds) {
      if (round.isEmpty) break;
      round.giveTo(this.#hasher);
      this.#hasher.run();
    }
    for (const draft of this.#drafts) {
      const { path, encoded, shape, view, outsFrom, outsTo, parent, topOut } = draft;
      for (let at = outsFrom; at < outsTo; at += OUT_NUMBERS) {
        copyWords(this.#heap, this.#outs[at + 1] ?? 0, view, this.#outs[at] ?? 0, HASH_WORDS);
      }
      if (draft.topRound >= 0) copyWords(this.#heap, topOut, view, draft.topAt, HASH_WORDS);
      if (parent !== null) {
        copyWords(this.#heap, topOut, parent.view, draft.slotAt, HASH_WORDS);
      }
      draft.topRound = -1;
      if (path !== "") this.#written(path, new PhysicalNode(encoded, shape));
    }
    this.clear();
  }
}

function draftOf(changes: readonly SlotChange[], index: number): NodeDraft | null {
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
