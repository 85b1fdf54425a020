import { ChangedKeys, ENTRY_BYTES } from "./changed-keys.js";

/**
 * How far the changes of a delta are gathered. Plain data, so that it can go from thread to
 * thread, and no thread has to remember a stream.
 */
export interface GatheredChanges {
  /** Memory of `ChangedKeys`: all whose key hash is below `coveredTo`, but for some that were sent. */
  readonly changes: ArrayBuffer;
  /** How many of them, the first, were sent: to leave these out costs a copy of the others. */
  readonly sent: number;
  /** The lowest key hash that is not covered; null: everything is. */
  readonly coveredTo: Uint8Array | null;
  /** A walk through the journal that is under way. */
  readonly pass: GatherPass | null;
}

/** A walk through the journal of one shard, from `coveredTo` on. */
export interface GatherPass {
  /** Memory of `ChangedKeys`: what it met so far. */
  readonly written: ArrayBuffer;
  /** Key hashes from here on are left to the next pass; null: none are. */
  readonly end: Uint8Array | null;
  /** The journal was read up to this version. */
  readonly afterVersion: bigint;
}

/** Nothing gathered; tiles are wanted from `start` on (null: none). */
export function nothingGathered(start: Buffer | null): GatheredChanges {
  return { changes: new ArrayBuffer(0), sent: 0, coveredTo: start, pass: null };
}

/** The changes in it that were not sent yet; a view. */
export function changesOf({ changes, sent }: GatheredChanges): ChangedKeys {
  return new ChangedKeys(Buffer.from(changes, sent * ENTRY_BYTES));
}

/** The same when the first `count` of `changesOf` were sent, too. */
export function afterSending(gathered: GatheredChanges, count: number): GatheredChanges {
  return { ...gathered, sent: gathered.sent + count };
}

/** A copy of the next changes, at most so many: what is gathered ends behind them. */
export function someOf(gathered: GatheredChanges, countMax: number): GatheredChanges {
  const changes = changesOf(gathered);
  const count = Math.min(changes.count, countMax);
  const isCut = count < changes.count;
  return {
    changes: new Uint8Array(changes.packed.subarray(0, count * ENTRY_BYTES)).buffer,
    sent: 0,
    coveredTo: isCut ? new Uint8Array(changes.keyHash(count)) : gathered.coveredTo,
    pass: null,
  };
}

/** What goes over to another thread instead of being copied. */
export function memoryIn({ changes, pass }: GatheredChanges): ArrayBuffer[] {
  return pass === null ? [changes] : [changes, pass.written];
}

/** Memory of its own for `changes`, fit to be handed to another thread. */
export function memoryOf(changes: ChangedKeys): ArrayBuffer {
  const { packed } = changes;
  if (packed.byteLength === packed.buffer.byteLength) return packed.buffer as ArrayBuffer;
  return new Uint8Array(packed).buffer;
}
