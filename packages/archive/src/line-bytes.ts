import { GrowingBytes } from "./growing-bytes.js";

/** The two hex digits of each byte value, lower case. */
const HEX: Uint8Array = Buffer.from(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join(""),
  "latin1",
);

/**
 * Lines of text, ASCII, made as the bytes they are stored as: a backup has tens of thousands of
 * them waiting, which as strings are a load on the heap.
 */
export class LineBytes {
  readonly #bytes = new GrowingBytes();

  /** How many there are. */
  get length(): number {
    return this.#bytes.length;
  }

  /** All of them; a view. */
  get bytes(): Buffer {
    return this.#bytes.bytes;
  }

  /** Appends some characters. */
  text(ascii: string): void {
    const { length } = ascii;
    const at = this.#bytes.append(length);
    const { buffer } = this.#bytes;
    for (let index = 0; index < length; index++) buffer[at + index] = ascii.charCodeAt(index);
  }

  /** Appends bytes as hex digits. */
  hex(bytes: Uint8Array): void {
    const { length } = bytes;
    let at = this.#bytes.append(2 * length);
    const { buffer } = this.#bytes;
    for (let index = 0; index < length; index++) {
      const digits = 2 * (bytes[index] ?? 0);
      buffer[at++] = HEX[digits] ?? 0;
      buffer[at++] = HEX[digits + 1] ?? 0;
    }
  }

  /** Leaves room for `length` characters that are not known yet, and answers where. */
  leave(length: number): number {
    return this.#bytes.append(length);
  }

  /** Fills in room that was left. */
  fill(at: number, ascii: string): void {
    this.#bytes.buffer.write(ascii, at, "latin1");
  }
}
