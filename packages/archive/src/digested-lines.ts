import { createHash } from "node:crypto";
import type { ReadableFile } from "./archive-files.js";
import { LINE_BYTES_MAX, READ_BYTES } from "./archive-limits.js";
import { DIGEST_TAIL_BYTES } from "./digest-tail.js";

/**
 * Streams the lines of a text file that ends with its own digest, and computes the digest on the
 * way. Memory: one read and one line.
 */
export class DigestedLines {
  readonly #file: ReadableFile;
  readonly #hash = createHash("sha256");
  #sha256: Buffer | null = null;
  #last = "";

  constructor(file: ReadableFile) {
    this.#file = file;
  }

  /** SHA-256 of what stands before the digest's place; null until all lines were taken. */
  get sha256(): Buffer | null {
    return this.#sha256;
  }

  /** What stands behind the last line feed but one: the last line, if it is whole. */
  get last(): string {
    return this.#last;
  }

  /** All lines but the last, without their line feeds, as many at a time as one read gave. */
  async *batches(): AsyncGenerator<string[]> {
    const { bytes } = this.#file;
    const digestAt = Math.max(0, bytes - DIGEST_TAIL_BYTES);
    let rest = "";
    for (let offset = 0; offset < bytes; ) {
      const chunk = await this.#file.read(offset, Math.min(READ_BYTES, bytes - offset));
      if (chunk.length === 0) break;
      if (offset < digestAt) this.#hash.update(chunk.subarray(0, digestAt - offset));
      offset += chunk.length;
      const lines = (rest + chunk.toString("latin1")).split("\n");
      // The last line is not for the caller, and it is the last only if nothing follows it.
      const held = offset >= bytes ? 2 : 1;
      rest = lines.splice(Math.max(0, lines.length - held)).join("\n");
      if (rest.length > LINE_BYTES_MAX) rest = rest.slice(0, LINE_BYTES_MAX);
      yield lines;
    }
    this.#last = rest;
    this.#sha256 = this.#hash.digest();
  }
}
