import { createHash } from "node:crypto";
import type { ReadableFile } from "./archive-files.js";
import { LINE_BYTES_MAX, READ_BYTES } from "./archive-limits.js";
import { DIGEST_TAIL_BYTES } from "./digest-tail.js";

const LINE_FEED = 0x0a;

/**
 * Streams the lines of a text file that ends with its own digest, and computes the digest on the
 * way. What nobody asks for as text is never made one. Memory: one read and one line.
 */
export class DigestedLines {
  readonly #file: ReadableFile;
  readonly #hash = createHash("sha256");
  #offset = 0;
  /** Whole lines behind the first, which were read with it. */
  #ahead: Buffer | null = null;
  /** The line under way. */
  #rest: Buffer = Buffer.alloc(0);
  #sha256: Buffer | null = null;

  constructor(file: ReadableFile) {
    this.#file = file;
  }

  /** SHA-256 of what stands before the digest's place; null until all lines were taken. */
  get sha256(): Buffer | null {
    return this.#sha256;
  }

  /** The last line, with its line feed if it has one; "" until all lines were taken. */
  get last(): string {
    return this.#sha256 === null ? "" : this.#rest.toString("latin1");
  }

  /** The first line without its line feed, unless it is the last; then "". Only to begin with. */
  async first(): Promise<string> {
    for (let lines = await this.#next(); lines !== null; lines = await this.#next()) {
      if (lines.length === 0) continue;
      const end = lines.indexOf(LINE_FEED);
      this.#ahead = lines.subarray(end + 1);
      return lines.toString("latin1", 0, end);
    }
    return "";
  }

  /** All lines but the last, with their line feeds, as many at a time as one read gave. */
  async *whole(): AsyncGenerator<Buffer> {
    for (let lines = await this.#next(); lines !== null; lines = await this.#next()) {
      if (lines.length > 0) yield lines;
    }
  }

  /** All lines but the last, without their line feeds, as many at a time as one read gave. */
  async *batches(): AsyncGenerator<string[]> {
    for await (const lines of this.whole()) yield splitLines(lines);
  }

  /** Takes all lines there still are without looking at them. */
  async skip(): Promise<void> {
    while ((await this.#next()) !== null);
  }

  /** Whole lines with their line feeds, maybe none; null when only the last line is left. */
  async #next(): Promise<Buffer | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead !== null) return ahead;
    const { bytes } = this.#file;
    const left = bytes - this.#offset;
    const chunk = left > 0 ? await this.#file.read(this.#offset, Math.min(READ_BYTES, left)) : null;
    if (chunk === null || chunk.length === 0) {
      this.#sha256 ??= this.#hash.digest();
      return null;
    }
    const digestAt = bytes - DIGEST_TAIL_BYTES;
    if (this.#offset < digestAt) this.#hash.update(chunk.subarray(0, digestAt - this.#offset));
    this.#offset += chunk.length;
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    // The last line is not for the caller, and it is the last only if nothing follows it.
    const end = this.#offset < bytes ? text.length : text.length - 1;
    const cut = text.subarray(0, end).lastIndexOf(LINE_FEED) + 1;
    this.#rest = text.subarray(cut, cut + LINE_BYTES_MAX);
    return text.subarray(0, cut);
  }
}

/** Whole lines, as text and without their line feeds. */
export function splitLines(lines: Buffer): string[] {
  return lines.toString("latin1", 0, lines.length - 1).split("\n");
}
