import { HashBatch, sha256 } from "@holdfast/merkle";

/**
 * Hashes many messages that lie in one memory, in the order and to the places its user says; what
 * `HashBatch` of @holdfast/merkle does with SIMD.
 */
export interface MessageHasher {
  /** The memory in which messages and hashes lie. */
  readonly bytes: Uint8Array;
  /** First address that is the user's. */
  readonly heapStart: number;
  /** Takes a message; its 32 bytes of hash are at `hash` after `run`. */
  add(message: number, length: number, hash: number): void;
  /** Hashes what was taken. */
  run(): void;
}

/** A hasher with so much memory for messages and hashes, the fastest this machine has. */
export function createMessageHasher(heapBytes: number): MessageHasher {
  return HashBatch.create(heapBytes) ?? new OneByOne(heapBytes);
}

/** Where SIMD is missing. */
class OneByOne implements MessageHasher {
  readonly bytes: Uint8Array;
  readonly heapStart = 0;

  constructor(heapBytes: number) {
    this.bytes = new Uint8Array(heapBytes);
  }

  add(message: number, length: number, hash: number): void {
    this.bytes.set(sha256(this.bytes.subarray(message, message + length)), hash);
  }

  run(): void {
    // Everything is hashed already.
  }
}
