/*
 * Writes on their way from the thread that makes them to the thread that applies them: entries
 * back to back in large buffers, which are handed over without a copy and come back to be filled
 * again.
 *
 *   entry: operation u8, database u8, key length u16, value length u32 (little-endian), key, value
 */

/** What an entry does. An append is a put behind the last key of its database. */
export const OPERATION: { readonly put: 0; readonly append: 1; readonly remove: 2 } = {
  put: 0,
  append: 1,
  remove: 2,
};

/** Bytes of entries, ready to be handed over. */
export interface Segment {
  readonly buffer: ArrayBuffer;
  /** Bytes used. */
  readonly used: number;
}

const HEADER_BYTES = 8;
/**
 * Room of a segment, bytes; one entry may be larger and gets a segment of its own. Each segment is
 * applied as one child transaction (apply-batch.ts).
 */
const SEGMENT_BYTES: number = 2 ** 18;
/** Segments kept to be filled again. */
const SPARE_SEGMENTS_MAX = 256;
const NOTHING: Buffer = Buffer.alloc(0);

/** Packs entries into segments. */
export class BatchWriter {
  readonly #spare: ArrayBuffer[] = [];
  #full: Segment[] = [];
  #current: Buffer = NOTHING;
  #used = 0;

  put(database: number, key: Uint8Array, value: Uint8Array): void {
    this.#write(OPERATION.put, database, key, value);
  }

  /** The key must sort behind all that the database holds, else the whole batch fails. */
  append(database: number, key: Uint8Array, value: Uint8Array): void {
    this.#write(OPERATION.append, database, key, value);
  }

  remove(database: number, key: Uint8Array): void {
    this.#write(OPERATION.remove, database, key, NOTHING);
  }

  /** What was packed; begins anew. */
  take(): Segment[] {
    this.#close();
    const segments = this.#full;
    this.#full = [];
    return segments;
  }

  /** Takes buffers back. */
  recycle(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      const isWhole = buffer.byteLength === SEGMENT_BYTES;
      if (isWhole && this.#spare.length < SPARE_SEGMENTS_MAX) this.#spare.push(buffer);
    }
  }

  /**
   * Begins an entry that its maker writes: the key to `target` where this answers, the value right
   * behind it.
   */
  entry(operation: number, database: number, keyBytes: number, valueBytes: number): number {
    const bytes = HEADER_BYTES + keyBytes + valueBytes;
    if (this.#used + bytes > this.#current.length) this.#open(bytes);
    const at = this.#used;
    const target = this.#current;
    target[at] = operation;
    target[at + 1] = database;
    target[at + 2] = keyBytes & 0xff;
    target[at + 3] = keyBytes >>> 8;
    target.writeUInt32LE(valueBytes, at + 4);
    this.#used = at + bytes;
    return at + HEADER_BYTES;
  }

  /** Where the entry that was begun last is written. */
  get target(): Buffer {
    return this.#current;
  }

  #write(operation: number, database: number, key: Uint8Array, value: Uint8Array): void {
    const at = this.entry(operation, database, key.length, value.length);
    this.#current.set(key, at);
    this.#current.set(value, at + key.length);
  }

  #open(bytes: number): void {
    this.#close();
    const spare = bytes <= SEGMENT_BYTES ? this.#spare.pop() : undefined;
    this.#current = Buffer.from(spare ?? new ArrayBuffer(Math.max(bytes, SEGMENT_BYTES)));
  }

  #close(): void {
    if (this.#used > 0) {
      this.#full.push({ buffer: this.#current.buffer as ArrayBuffer, used: this.#used });
    }
    this.#current = NOTHING;
    this.#used = 0;
  }
}

/** Calls `apply` for each entry; key and value are views of the segment. */
export function readBatch(
  segment: Segment,
  apply: (operation: number, database: number, key: Buffer, value: Buffer) => void,
): void {
  const bytes = Buffer.from(segment.buffer, 0, segment.used);
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + HEADER_BYTES;
    const valueAt = keyAt + bytes.readUInt16LE(at + 2);
    const end = valueAt + bytes.readUInt32LE(at + 4);
    apply(
      bytes[at] ?? 0,
      bytes[at + 1] ?? 0,
      bytes.subarray(keyAt, valueAt),
      bytes.subarray(valueAt, end),
    );
    at = end;
  }
}
