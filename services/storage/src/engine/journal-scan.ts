import { HASH_BYTES } from "@holdfast/merkle";
import type { JournalVisitor, JournalWalk } from "../state/journal-walk.js";
import type { GenerationEnv } from "./generation-env.js";
import { type KeyBytes, openRaw, type RawDatabase, type RawVisitor } from "./raw-range.js";
import { journalKey, SHARDS, u64 } from "./schema.js";

const VERSION_BYTES = 8;
/** Entries outside the range that are stepped over before a seek is cheaper. */
const STEPS_BEFORE_SEEK = 8;

/** `JournalWalk` on LMDB. */
export class JournalScanner implements JournalWalk {
  readonly #shards: readonly RawDatabase[];
  readonly #entries: JournalEntries = new JournalEntries();

  constructor({ root }: GenerationEnv) {
    // One write transaction for all handles instead of one for each.
    this.#shards = root.transactionSync(() =>
      Array.from({ length: SHARDS }, (_, shard) =>
        openRaw(root, `journal.${shard.toString(16)}`, this.#entries),
      ),
    );
  }

  walk(
    shard: number,
    versions: { readonly after: bigint; readonly to: bigint },
    start: Buffer,
    entriesMax: number,
    visitor: JournalVisitor,
  ): { readonly stoppedAt: bigint | null; readonly looked: number } {
    const entries = this.#entries;
    const database = this.#shards[shard] as RawDatabase;
    entries.begin(visitor, start, entriesMax);
    const end = u64(versions.to + 1n);
    let from: Buffer | null = journalKey(versions.after + 1n, start);
    while (from !== null && from.compare(end) < 0) from = entries.run(database, from, end);
    return { stoppedAt: entries.stoppedAt, looked: entries.looked };
  }
}

class JournalEntries implements RawVisitor {
  stoppedAt: bigint | null = null;
  looked = 0;
  #visitor: JournalVisitor | null = null;
  #start: Buffer = Buffer.alloc(HASH_BYTES);
  #entriesMax = 0;
  #version = -1n;
  readonly #keyHash: Buffer = Buffer.alloc(HASH_BYTES);
  #isWanted = false;
  #steps = 0;
  #seek: Buffer | null = null;

  begin(visitor: JournalVisitor, start: Buffer, entriesMax: number): void {
    this.#visitor = visitor;
    this.#start = start;
    this.#entriesMax = entriesMax;
    this.#version = -1n;
    this.stoppedAt = null;
    this.looked = 0;
  }

  /** Visits from `from` on; answers where to go on when it is cheaper to seek, else null. */
  run(database: RawDatabase, from: Buffer, end: Buffer): Buffer | null {
    this.#seek = null;
    this.#steps = 0;
    const entries = database.getRange({ start: from, end })[Symbol.iterator]();
    try {
      while (entries.next().done !== true && this.#seek === null && this.stoppedAt === null);
    } finally {
      entries.return?.();
    }
    return this.#seek;
  }

  key(bytes: KeyBytes, start: number): void {
    this.#isWanted = false;
    const version = bytes.readBigUInt64BE(start);
    if (version !== this.#version) {
      if (this.#version >= 0n && this.looked >= this.#entriesMax) {
        this.stoppedAt = this.#version;
        return;
      }
      this.#version = version;
    }
    this.looked++;
    const at = start + VERSION_BYTES;
    const end = this.#visitor?.end ?? null;
    const isBehind = end !== null && !isBelow(bytes, at, end);
    if (isBehind || isBelow(bytes, at, this.#start)) {
      if (++this.#steps >= STEPS_BEFORE_SEEK) {
        this.#seek = journalKey(isBehind ? version + 1n : version, this.#start);
      }
      return;
    }
    bytes.copy(this.#keyHash, 0, at, at + HASH_BYTES);
    this.#isWanted = true;
    this.#steps = 0;
  }

  value(bytes: Buffer, length: number): void {
    if (!this.#isWanted) return;
    const oldValueHash =
      length === 0 ? null : new Uint8Array(bytes.buffer, bytes.byteOffset, HASH_BYTES);
    this.#visitor?.entry({ keyHash: this.#keyHash, oldValueHash, version: this.#version });
  }
}

/** Whether the key hash at `at` is below another: mostly known from the first byte. */
function isBelow(bytes: Buffer, at: number, other: Buffer): boolean {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (bytes[at + i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
