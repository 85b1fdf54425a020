/**
 * Messages of one kind, side by side in the hasher's memory. Their prefixes are written once and
 * stay.
 */
export class HashMessages {
  readonly bytes: number;
  readonly #start: number;
  readonly #end: number;
  #next: number;

  constructor(heap: Uint8Array, start: number, count: number, prefix: Buffer, bytes: number) {
    this.bytes = bytes;
    this.#start = start;
    this.#end = start + count * bytes;
    this.#next = start;
    for (let at = start; at < this.#end; at += bytes) heap.set(prefix, at);
  }

  hasRoomFor(count: number): boolean {
    return this.#next + count * this.bytes <= this.#end;
  }

  take(): number {
    const message = this.#next;
    this.#next += this.bytes;
    return message;
  }

  clear(): void {
    this.#next = this.#start;
  }
}
