/** A flag byte (compressed or not) and the length, u32 big-endian: gRPC over HTTP/2. */
const PREFIX_BYTES = 5;

/** Finds out where the messages of a request begin and end, from its pieces as they are read. */
export class MessageBounds {
  /** Of the prefix that is being read. */
  #prefixLeft = PREFIX_BYTES;
  #length = 0;
  #bodyLeft = 0;

  /** Whether the pieces so far end inside a message. */
  get isInside(): boolean {
    return this.#bodyLeft > 0 || this.#prefixLeft < PREFIX_BYTES;
  }

  take(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#bodyLeft > 0) {
        const bytes = Math.min(this.#bodyLeft, piece.length - at);
        this.#bodyLeft -= bytes;
        at += bytes;
        continue;
      }
      // The flag is shifted out by the four bytes behind it.
      this.#length = (this.#length * 0x100 + (piece[at++] as number)) % 2 ** 32;
      if (--this.#prefixLeft > 0) continue;
      this.#bodyLeft = this.#length;
      this.#prefixLeft = PREFIX_BYTES;
      this.#length = 0;
    }
  }
}
