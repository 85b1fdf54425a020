const FIRST_BYTES = 4096;

/** Bytes that are appended in place, in a buffer that doubles whenever it is full. */
export class GrowingBytes {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;

  /** How many there are. */
  get length(): number {
    return this.#used;
  }

  /** What was appended; a view. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  /** The buffer to write into at a place that `append` gave; another one after each `append`. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Appends so many bytes, to be filled in by the caller, and answers where they begin. */
  append(length: number): number {
    const at = this.#used;
    this.#used += length;
    if (this.#used > this.#buffer.length) this.#grow();
    return at;
  }

  #grow(): void {
    let size = this.#buffer.length;
    while (size < this.#used) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}
