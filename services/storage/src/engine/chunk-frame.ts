import { limits } from "@holdfast/core";
import type { TreeNode } from "@holdfast/merkle";
import { FieldWriter, nodeBytes, varintBytes } from "./field-writer.js";

/** Fields of a chunk other than its body, in the order of their numbers. */
export type ChunkField =
  | { readonly field: number; readonly kind: "path"; readonly path: string }
  | { readonly field: number; readonly kind: "number"; readonly value: number }
  | { readonly field: number; readonly kind: "node"; readonly node: TreeNode }
  | {
      readonly field: number;
      readonly kind: "chunkId";
      /** Makes it from the body. */
      readonly idOf: (body: Buffer) => Buffer;
    };

/**
 * Writes the body of a chunk at `at`.
 * @returns the position behind it.
 */
export type FillBody = (target: Buffer, at: number) => number;

const HASH_BYTES = 32;
/** Tag and length of the frame's field `chunks`, written when the frame is complete. */
const FRAME_HEAD_BYTES = 5;
/** Field `chunks` of every streamed response, and of StateChunks and DeltaChunks. */
const FIELD_CHUNKS = 2;
const FIELD_CHUNK = 1;
/** Tag and length of a chunk: chunks are below 2^28 bytes. */
const CHUNK_HEAD_BYTES_MAX = 5;

/**
 * One frame with chunks, packed by hand: a response with field `chunks`, whose bytes are those
 * of the generated encoder. Bodies are written in place; nothing is copied twice.
 */
export class ChunkFrame {
  readonly #buffer: Buffer;
  #at = FRAME_HEAD_BYTES;
  readonly #chunkIds: Buffer[] = [];

  /** @param memory a buffer to be used again, when it is large enough. */
  constructor(bytes: number, memory: ArrayBuffer | null) {
    const needed = bytes + FRAME_HEAD_BYTES;
    this.#buffer = Buffer.from(
      memory !== null && memory.byteLength >= needed ? memory : new ArrayBuffer(needed),
    );
  }

  /** Bytes of chunks so far. */
  get bytes(): number {
    return this.#at - FRAME_HEAD_BYTES;
  }

  /** Adds a chunk; `bodyBytes` is a guess. @returns the length of its body. */
  add(fields: readonly ChunkField[], bodyBytes: number, fill: FillBody): number {
    const headBytes = fields.reduce((sum, field) => sum + fieldBytes(field), 0);
    const start = this.#at;
    // The length comes first and is known last: guess how long it is, and move when wrong.
    const guessed = start + 1 + varintBytes(headBytes + bodyBytes);
    const end = fill(this.#buffer, guessed + headBytes);
    const length = end - guessed;
    const chunkAt = start + 1 + varintBytes(length);
    if (chunkAt !== guessed) {
      this.#buffer.copyWithin(chunkAt + headBytes, guessed + headBytes, end);
    }
    this.#at = chunkAt + length;
    const bodyAt = chunkAt + headBytes;
    const writer = new FieldWriter(this.#buffer, start);
    writer.head(FIELD_CHUNK, length);
    for (const field of fields) this.#write(writer, field, bodyAt);
    return this.#at - bodyAt;
  }

  /** The complete frame, in memory of its own. */
  finish(): { readonly memory: ArrayBuffer; readonly offset: number; readonly length: number } {
    const length = this.bytes;
    const offset = FRAME_HEAD_BYTES - 1 - varintBytes(length);
    new FieldWriter(this.#buffer, offset).head(FIELD_CHUNKS, length);
    return {
      memory: this.#buffer.buffer as ArrayBuffer,
      offset,
      length: this.#at - offset,
    };
  }

  /** Ids of the chunks with a body, one after the other, in memory of their own. */
  get chunkIds(): Uint8Array {
    const ids = new Uint8Array(this.#chunkIds.length * HASH_BYTES);
    for (const [index, chunkId] of this.#chunkIds.entries()) ids.set(chunkId, index * HASH_BYTES);
    return ids;
  }

  #write(writer: FieldWriter, field: ChunkField, bodyAt: number): void {
    switch (field.kind) {
      case "path":
        writer.ascii(field.field, field.path);
        break;
      case "number":
        writer.number(field.field, field.value);
        break;
      case "node":
        writer.node(field.field, field.node);
        break;
      case "chunkId": {
        const chunkId = field.idOf(this.#buffer.subarray(bodyAt, this.#at));
        this.#chunkIds.push(chunkId);
        writer.hash(field.field, chunkId);
        break;
      }
    }
  }
}

/** Most bytes that a chunk takes in a frame. */
export function chunkBytesMax(fields: readonly ChunkField[], bodyBytesMax: number): number {
  const headBytes = fields.reduce((sum, field) => sum + fieldBytes(field), 0);
  return CHUNK_HEAD_BYTES_MAX + headBytes + bodyBytesMax;
}

/** Bytes of the usual frame: consecutive tiles together, or one that is not larger. */
export const FRAME_BYTES: number = limits.FRAME_BYTES_TARGET;

/** Encoded length of a field, tag included. All tags are one byte. */
function fieldBytes(field: ChunkField): number {
  switch (field.kind) {
    case "path":
      return 2 + field.path.length;
    case "number":
      return field.value === 0 ? 0 : 1 + varintBytes(field.value);
    case "node":
      return 2 + nodeBytes(field.node);
    case "chunkId":
      return 2 + HASH_BYTES;
  }
}
