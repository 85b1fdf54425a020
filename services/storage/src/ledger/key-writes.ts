import { encodeStateItem, sha256, stateItemBytes, type WriteOp } from "@holdfast/merkle";
import type { LeafSlot } from "../state/slot.js";
import type { KeyWrites } from "../state/tree-update.js";
import type { BlockTransaction } from "./block.js";
import type { BlockSink } from "./block-sink.js";

/** Where rows and what they replace go. */
type RowSink = Pick<BlockSink, "row" | "staleRows">;

/** One write of a block, hashed. */
interface HashedWrite {
  readonly keyHash: Buffer;
  /** Version of its transaction. */
  readonly version: bigint;
  readonly op: WriteOp;
}

/** Distinguishes more writes than a block can hold (its bytes over the 8 of the least write). */
const WRITES_RADIX: number = 2 ** 19;

/**
 * All writes of a block, one entry for each key, ascending by key hash. Settling an entry gives
 * the sink the rows and journal entries that really change something.
 */
export function keyWritesOf(
  transactions: readonly BlockTransaction[],
  firstVersion: bigint,
  sink: RowSink,
): KeyWrites[] {
  const writes: HashedWrite[] = [];
  let version = firstVersion;
  for (const { writeSet } of transactions) {
    for (const op of writeSet) writes.push({ keyHash: sha256(op.key), version, op });
    version += 1n;
  }
  const groups: PendingKey[] = [];
  let last: PendingKey | null = null;
  for (const write of sorted(writes)) {
    if (last?.keyHash.equals(write.keyHash)) {
      last.writes.push(write);
    } else {
      last = new PendingKey(write, sink);
      groups.push(last);
    }
  }
  return groups;
}

class PendingKey implements KeyWrites {
  readonly keyHash: Buffer;
  /** By version. */
  readonly writes: HashedWrite[];
  readonly #sink: RowSink;

  constructor(first: HashedWrite, sink: RowSink) {
    this.keyHash = first.keyHash;
    this.writes = [first];
    this.#sink = sink;
  }

  settle(before: LeafSlot | null): LeafSlot | null {
    const { keyHash } = this;
    let held = before;
    let rows = 0;
    for (const { op, version } of this.writes) {
      if (op.kind === "delete") {
        if (held === null) continue;
        this.#sink.row(keyHash, version, null, held.valueHash);
        held = null;
      } else {
        const valueHash = sha256(op.value);
        if (held?.valueHash.equals(valueHash)) continue;
        const item = encodeStateItem(op.key, op.value);
        this.#sink.row(keyHash, version, item, held?.valueHash ?? null);
        const bytes = stateItemBytes(op.key.length, op.value.length);
        held = { kind: "leaf", keyHash, valueHash, bytes };
      }
      rows += 1;
    }
    if (rows > (before === null ? 1 : 0)) this.#sink.staleRows(keyHash);
    // A value that came back to what it was leaves the tree as it is.
    return held !== null && before?.valueHash.equals(held.valueHash) ? before : held;
  }
}

/** Sorted by key hash, then by version (the order they are in). */
function sorted(writes: readonly HashedWrite[]): HashedWrite[] {
  // Numbers sort natively: the first 32 bits of the hash, then the position.
  const order = new Float64Array(writes.length);
  for (const [index, { keyHash }] of writes.entries()) {
    order[index] = keyHash.readUInt32BE(0) * WRITES_RADIX + index;
  }
  order.sort();
  const result: HashedWrite[] = [];
  for (const entry of order) {
    const write = writes[entry % WRITES_RADIX];
    if (write === undefined) continue;
    // The rare neighbours that share 32 bits are put in order by insertion.
    let at = result.length;
    while (at > 0 && compare(result[at - 1], write) > 0) at--;
    if (at === result.length) result.push(write);
    else result.splice(at, 0, write);
  }
  return result;
}

function compare(a: HashedWrite | undefined, b: HashedWrite): number {
  return a === undefined ? -1 : a.keyHash.compare(b.keyHash);
}
