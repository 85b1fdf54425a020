/** A buffer that grows while it is written; how far is bounded by what its owner puts in. */
export class GrowingBytes {
  /** The bytes written, and room behind them. Another one after each `reserve`. */
  buffer: Buffer;
  /** The same memory. Another one after each `reserve`. */
  view: DataView;
  /** Bytes written. */
  length = 0;
  /** The memory of `buffer`, its own and whole, so that it can go to another thread. */
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.buffer = Buffer.from(this.#bytes.buffer);
    this.view = new DataView(this.#bytes.buffer);
  }

  /** Makes room for `bytes` more and counts them as written; answers where they begin. */
  reserve(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.buffer = Buffer.from(larger.buffer);
      this.view = new DataView(larger.buffer);
    }
    return at;
  }

  /** The bytes written; they are this object's memory, not a copy. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }
}
