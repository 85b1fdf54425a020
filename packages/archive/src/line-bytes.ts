import { LINES_BLOCK_BYTES, LINES_BLOCK_BYTES_MIN } from "./archive-limits.js";

/** The two hex digits of each byte value, lower case. */
const HEX: Uint8Array = Buffer.from(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join(""),
  "latin1",
);

const CODE_0 = 0x30;

/** Longest line, bytes: two leaves, a path of 64 digits and numbers of 16 make 656. */
export const TILE_LINE_BYTES_MAX = 1_024;

/**
 * Lines of text, ASCII, made as the bytes they are stored as: a backup has tens of thousands of
 * them waiting, which as strings are a load on the heap. They lie in blocks, so that what is there
 * is not copied when more comes; the first ones are small, each is twice the one before. Pieces may
 * have gaps, all for the same text, which is not known yet.
 */
export class LineBytes {
  readonly #full: Buffer[] = [];
  #fullBytes = 0;
  #block: Buffer = Buffer.alloc(0);
  #used = 0;
  /** Of each gap: number of its block, and where it begins there. */
  readonly #gaps: number[] = [];

  /** How many bytes there are. */
  get length(): number {
    return this.#fullBytes + this.#used;
  }

  /** How many gaps there are. */
  get gaps(): number {
    return this.#gaps.length / 2;
  }

  /** All of them in order; views. */
  get blocks(): readonly Buffer[] {
    return [...this.#full, this.#filled()];
  }

  /**
   * Begins a line, which has at most TILE_LINE_BYTES_MAX bytes: no piece looks for room again. A
   * line that is longer is found at the next one, or when the lines are asked for: RangeError.
   */
  begin(): void {
    if (this.#block.length - this.#used < TILE_LINE_BYTES_MAX) this.#nextBlock();
  }

  /** Appends some characters. */
  text(ascii: string): void {
    const { length } = ascii;
    const block = this.#block;
    const at = this.#used;
    for (let index = 0; index < length; index++) block[at + index] = ascii.charCodeAt(index);
    this.#used = at + length;
  }

  /** Appends a whole number, 0 or more, in decimal digits. */
  number(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    const block = this.#block;
    const at = this.#used;
    let rest = value;
    for (let index = at + digits - 1; index >= at; index--) {
      const tenth = Math.floor(rest / 10);
      block[index] = CODE_0 + (rest - 10 * tenth);
      rest = tenth;
    }
    this.#used = at + digits;
  }

  /** Appends bytes as hex digits. */
  hex(bytes: Uint8Array): void {
    const { length } = bytes;
    const block = this.#block;
    let at = this.#used;
    for (let index = 0; index < length; index++) {
      const digits = 2 * (bytes[index] ?? 0);
      block[at++] = HEX[digits] ?? 0;
      block[at++] = HEX[digits + 1] ?? 0;
    }
    this.#used = at;
  }

  /** Leaves a gap of `length` characters. */
  gap(length: number): void {
    this.#gaps.push(this.#full.length, this.#used);
    this.#used += length;
  }

  /** Writes this into all gaps. */
  fillGaps(ascii: string): void {
    const blocks = [...this.#full, this.#block];
    for (let index = 0; index < this.#gaps.length; index += 2) {
      const [block = 0, at = 0] = [this.#gaps[index], this.#gaps[index + 1]];
      blocks[block]?.write(ascii, at, "latin1");
    }
  }

  #nextBlock(): void {
    const filled = this.#filled();
    if (filled.length > 0) this.#full.push(filled);
    this.#fullBytes += filled.length;
    const size = Math.max(2 * this.#block.length, LINES_BLOCK_BYTES_MIN);
    this.#block = Buffer.allocUnsafeSlow(Math.min(size, LINES_BLOCK_BYTES));
    this.#used = 0;
  }

  #filled(): Buffer {
    // A write behind the end of a Buffer is lost without a word.
    if (this.#used > this.#block.length) throw new RangeError("a line is too long");
    return this.#block.subarray(0, this.#used);
  }
}
