/** One of the 16 children of a physical node. */
export type Slot = { readonly kind: "empty" } | LeafSlot | InnerSlot;

/** A key that is alone in its subtree: it has no physical node of its own. */
export interface LeafSlot {
  readonly kind: "leaf";
  readonly keyHash: Buffer;
  readonly valueHash: Buffer;
  /** Encoded length of its item. */
  readonly bytes: number;
}

/** Two or more keys: they have a physical node of their own. */
export interface InnerSlot {
  readonly kind: "inner";
  /** Version at which the child's physical node was written. */
  readonly version: bigint;
  /** Hash of the child, 32 bytes. */
  readonly hash: Buffer;
  /** Keys below it. */
  readonly items: number;
  /** Sum of the encoded lengths of the items below it. */
  readonly bytes: number;
}

/** The slot without a key. */
export const EMPTY_SLOT: Slot = { kind: "empty" };
