import { LINES_BLOCK_BYTES } from "./archive-limits.js";

/** The two hex digits of each byte value, lower case. */
const HEX: Uint8Array = Buffer.from(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join(""),
  "latin1",
);

const CODE_0 = 0x30;

/** Room for characters that are not known yet. */
export interface Gap {
  readonly block: Buffer;
  readonly at: number;
}

/**
 * Lines of text, ASCII, made as the bytes they are stored as: a backup has tens of thousands of
 * them waiting, which as strings are a load on the heap. They lie in blocks, so that what is there
 * is not copied when more comes.
 */
export class LineBytes {
  readonly #full: Buffer[] = [];
  #block: Buffer = Buffer.alloc(0);
  #used = 0;
  #length = 0;

  /** How many bytes there are. */
  get length(): number {
    return this.#length;
  }

  /** All of them in order; views. */
  get blocks(): readonly Buffer[] {
    return [...this.#full, this.#block.subarray(0, this.#used)];
  }

  /** Appends some characters. */
  text(ascii: string): void {
    const { length } = ascii;
    const at = this.#append(length);
    for (let index = 0; index < length; index++) this.#block[at + index] = ascii.charCodeAt(index);
  }

  /** Appends a whole number, 0 or more, in decimal digits. */
  number(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    const at = this.#append(digits);
    let rest = value;
    for (let index = at + digits - 1; index >= at; index--) {
      const tenth = Math.floor(rest / 10);
      this.#block[index] = CODE_0 + (rest - 10 * tenth);
      rest = tenth;
    }
  }

  /** Appends bytes as hex digits. */
  hex(bytes: Uint8Array): void {
    const { length } = bytes;
    let at = this.#append(2 * length);
    const block = this.#block;
    for (let index = 0; index < length; index++) {
      const digits = 2 * (bytes[index] ?? 0);
      block[at++] = HEX[digits] ?? 0;
      block[at++] = HEX[digits + 1] ?? 0;
    }
  }

  /** Leaves a gap of `length` characters. */
  leave(length: number): Gap {
    const at = this.#append(length);
    return { block: this.#block, at };
  }

  /** Makes room for so many bytes, far fewer than a block has; answers where. */
  #append(length: number): number {
    if (this.#used + length > this.#block.length) {
      if (this.#used > 0) this.#full.push(this.#block.subarray(0, this.#used));
      this.#block = Buffer.allocUnsafeSlow(LINES_BLOCK_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    this.#length += length;
    return at;
  }
}
