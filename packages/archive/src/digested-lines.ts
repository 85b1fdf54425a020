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
    // One buffer is hashed while the other is filled; most files need one, and no more of it than
    // they are long.
    const left = this.#file.bytes - this.#offset;
    const buffers = [left, left - READ_BYTES].map((bytes) =>
      Buffer.allocUnsafeSlow(Math.min(READ_BYTES, Math.max(0, bytes))),
    );
    this.#ahead = null;
    let reading = this.#read(this.#offset, buffers[0]);
    for (let turn = 1; ; turn = 1 - turn) {
      const chunk = await reading;
      if (chunk === null) break;
      reading = this.#read(this.#offset + chunk.length, buffers[turn]);
      this.#took(chunk);
      const cut = this.#cutOf(chunk);
      // A copy, since the buffer is filled again.
      const line = cut > 0 ? [chunk.subarray(cut)] : [this.#rest, chunk];
      this.#rest = Buffer.concat(line).subarray(0, LINE_BYTES_MAX);
    }
    this.#sha256 ??= this.#hash.digest();
  }

  /** Whole lines with their line feeds, maybe none; null when only the last line is left. */
  async #next(): Promise<Buffer | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead !== null) return ahead;
    const chunk = await this.#read(this.#offset);
    if (chunk === null) {
      this.#sha256 ??= this.#hash.digest();
      return null;
    }
    this.#took(chunk);
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const cut = this.#cutOf(text);
    this.#rest = text.subarray(cut, cut + LINE_BYTES_MAX);
    return text.subarray(0, cut);
  }

  /** What one read gives; null at the end of the file. */
  async #read(offset: number, into?: Buffer): Promise<Buffer | null> {
    const left = this.#file.bytes - offset;
    if (left <= 0) return null;
    const chunk = await this.#file.read(offset, Math.min(READ_BYTES, left), into);
    return chunk.length === 0 ? null : chunk;
  }

  #took(chunk: Buffer): void {
    const digestAt = this.#file.bytes - DIGEST_TAIL_BYTES;
    if (this.#offset < digestAt) this.#hash.update(chunk.subarray(0, digestAt - this.#offset));
    this.#offset += chunk.length;
  }

  /** Where the line under way begins in bytes that were taken last; 0 when it begins before. */
  #cutOf(taken: Buffer): number {
    // The last line is not for the caller, and it is the last only if nothing follows it.
    const end = this.#offset < this.#file.bytes ? taken.length : taken.length - 1;
    return taken.subarray(0, end).lastIndexOf(LINE_FEED) + 1;
  }
}

/** Whole lines, as text and without their line feeds. */
export function splitLines(lines: Buffer): string[] {
  return lines.toString("latin1", 0, lines.length - 1).split("\n");
}
