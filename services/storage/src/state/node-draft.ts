import { EMPTY_HASH } from "@holdfast/merkle";
import type { NodeShape } from "./node-shape.js";

/** A node whose hashes are not made yet. */
export class NodeDraft {
  readonly path: string;
  readonly encoded: Buffer;
  readonly shape: NodeShape;
  /** The memory that `encoded` is a part of. */
  readonly view: DataView;
  /** Where those of its hashes begin and end that go back into it, in the list of all. */
  readonly outsFrom: number;
  outsTo: number;
  /** The round of its top hash; -1 when there is none, or it is made. */
  topRound = -1;
  topJob = -1;
  /** Where its top hash will be. */
  topOut = 0;
  /** Where in its memory that is kept. */
  readonly topAt: number;
  /** The parent, and where in its memory the hash of this node is kept. */
  parent: NodeDraft | null = null;
  slotAt = 0;

  constructor(path: string, encoded: Buffer, shape: NodeShape, view: DataView, outs: number) {
    this.path = path;
    this.encoded = encoded;
    this.shape = shape;
    this.view = view;
    this.topAt = encoded.byteOffset + shape.hashAt(1);
    this.outsFrom = outs;
    this.outsTo = outs;
  }
}

/** A slot whose hash may not be made yet. */
export class DraftSlot {
  readonly kind = "inner";
  readonly version: bigint;
  /** A stand-in: the hash is brought to the parent when it is made. */
  readonly hash: Buffer = EMPTY_HASH;
  readonly items: number;
  readonly bytes: number;
  readonly draft: NodeDraft;

  constructor(version: bigint, items: number, bytes: number, draft: NodeDraft) {
    this.version = version;
    this.items = items;
    this.bytes = bytes;
    this.draft = draft;
  }
}
