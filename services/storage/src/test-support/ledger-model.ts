import { createHash } from "node:crypto";

/** A write of a transaction: a value, or null to delete the key. */
export type ModelWrite = readonly [key: Buffer, value: Buffer | null];

/** A transaction of the model. */
export interface ModelTransaction {
  readonly payload: Buffer;
  readonly writes: readonly ModelWrite[];
  readonly events: readonly Buffer[];
}

/** Keys in hex and their values. */
export type ModelState = ReadonlyMap<string, Buffer>;

/**
 * The ledger by its definition, with plain maps and recursion: shares no code with the product.
 * Keeps every version whole, so it is for small ledgers.
 */
export class LedgerModel {
  /** The state after each version. */
  readonly states: ModelState[] = [];
  readonly transactions: ModelTransaction[] = [];
  /** For each version the keys (hex) really changed, with their value before, or null. */
  readonly changes: ReadonlyMap<string, Buffer | null>[] = [];
  readonly infos: Buffer[] = [];
  readonly checkpoints: number[] = [];

  get version(): number {
    return this.states.length - 1;
  }

  /** Appends a block that was committed at a time. */
  commit(block: readonly ModelTransaction[], timeUs: bigint): void {
    for (const [index, transaction] of block.entries()) {
      const before = this.states.at(-1) ?? new Map<string, Buffer>();
      const after = new Map(before);
      const changed = new Map<string, Buffer | null>();
      for (const [key, value] of transaction.writes) {
        const name = key.toString("hex");
        const old = before.get(name) ?? null;
        if (value === null ? old === null : old?.equals(value)) continue;
        changed.set(name, old);
        if (value === null) after.delete(name);
        else after.set(name, value);
      }
      this.states.push(after);
      this.transactions.push(transaction);
      this.changes.push(changed);
      const isLast = index === block.length - 1;
      if (isLast) this.checkpoints.push(this.version);
      this.infos.push(this.#info(transaction, timeUs, isLast));
    }
  }

  /** Root of the state at a version. */
  stateRoot(version: number): Buffer {
    return stateRootOf(this.states[version] ?? new Map());
  }

  /** Root of the log at a version. */
  logRoot(version: number): Buffer {
    return merkleTreeHash(this.infos.slice(0, version + 1));
  }

  #info({ payload, writes, events }: ModelTransaction, timeUs: bigint, isLast: boolean): Buffer {
    return Buffer.concat([
      Buffer.from([1]),
      u64(BigInt(this.version)),
      u64(timeUs),
      hash(payload),
      hash(writeSetLayout(writes)),
      merkleTreeHash(events),
      Buffer.from([isLast ? 1 : 0]),
      isLast ? this.stateRoot(this.version) : Buffer.alloc(0),
    ]);
  }
}

/** Length of an encoded item: key field, then value field unless it is empty. */
export function itemBytes(keyHex: string, value: Buffer): number {
  const field = (length: number): number =>
    1 + (length < 128 ? 1 : length < 16_384 ? 2 : 3) + length;
  return field(keyHex.length / 2) + (value.length === 0 ? 0 : field(value.length));
}

/** SHA-256. */
export function hash(...parts: readonly Buffer[]): Buffer {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}

/** The Jellyfish Merkle root, by recursion over the bits of the key hash. */
export function stateRootOf(state: ModelState): Buffer {
  const leaves = [...state].map(([key, value]) => ({ at: hash(Buffer.from(key, "hex")), value }));
  const fold = (some: typeof leaves, depth: number): Buffer => {
    const [only] = some;
    if (only === undefined) return Buffer.from("SPARSE_MERKLE_PLACEHOLDER_HASH__");
    if (some.length === 1) return hash(Buffer.from("JMT::LeafNode"), only.at, hash(only.value));
    const bit = (at: Buffer): number => ((at[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1;
    return hash(
      Buffer.from("JMT::IntrnalNode"),
      fold(
        some.filter(({ at }) => bit(at) === 0),
        depth + 1,
      ),
      fold(
        some.filter(({ at }) => bit(at) === 1),
        depth + 1,
      ),
    );
  };
  return fold(leaves, 0);
}

/** RFC 6962, 2.1. */
export function merkleTreeHash(entries: readonly Buffer[]): Buffer {
  const [only] = entries;
  if (only === undefined) return hash();
  if (entries.length === 1) return hash(Buffer.from([0]), only);
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  return hash(
    Buffer.from([1]),
    merkleTreeHash(entries.slice(0, split)),
    merkleTreeHash(entries.slice(split)),
  );
}

function writeSetLayout(writes: readonly ModelWrite[]): Buffer {
  const sized = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat(
    [...writes]
      .sort(([a], [b]) => a.compare(b))
      .map(([key, value]) =>
        value === null
          ? Buffer.concat([Buffer.from([2]), sized(key)])
          : Buffer.concat([Buffer.from([1]), sized(key), sized(value)]),
      ),
  );
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
