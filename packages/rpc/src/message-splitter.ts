import { HoldfastError } from "@holdfast/core";
import { FramedMessage, MESSAGE_PREFIX_BYTES } from "./framed-message.js";

/** Finds the messages in the bytes of a stream, without copying them. */
export class MessageSplitter {
  readonly #receiveBytesMax: number;
  readonly #prefix: Buffer = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  /** How much of the prefix of the current message has arrived. */
  #prefixBytes = 0;
  /** Of the current message, known once its prefix is there. */
  #bytes = 0;
  #bytesLeft = 0;
  #pieces: Uint8Array[] = [];

  /** @param receiveBytesMax the largest message taken. */
  constructor(receiveBytesMax: number) {
    this.#receiveBytesMax = receiveBytesMax;
  }

  /** Whether a message has begun that is not complete. */
  get isInMessage(): boolean {
    return this.#prefixBytes > 0;
  }

  /**
   * Takes the next bytes, which must not be changed afterwards.
   * @param complete gets the messages that end in them, those before an error as well.
   * @throws MESSAGE_TOO_LARGE when one is announced that is larger than may be; INTERNAL for a
   * compressed one, which no client of ours asks for.
   */
  push(bytes: Buffer, complete: FramedMessage[]): void {
    let at = 0;
    while (at < bytes.length) {
      const start = at;
      at += this.#takePrefix(bytes, at);
      if (this.#prefixBytes === MESSAGE_PREFIX_BYTES) {
        const taken = Math.min(this.#bytesLeft, bytes.length - at);
        this.#bytesLeft -= taken;
        at += taken;
      }
      const isWhole = start === 0 && at === bytes.length;
      this.#pieces.push(isWhole ? bytes : bytes.subarray(start, at));
      if (this.#prefixBytes === MESSAGE_PREFIX_BYTES && this.#bytesLeft === 0) {
        complete.push(new FramedMessage(this.#pieces, this.#bytes));
        this.#pieces = [];
        this.#prefixBytes = 0;
      }
    }
  }

  /** @returns how many bytes from `at` on belong to the prefix. */
  #takePrefix(bytes: Buffer, at: number): number {
    const taken = Math.min(MESSAGE_PREFIX_BYTES - this.#prefixBytes, bytes.length - at);
    if (taken === 0) return 0;
    bytes.copy(this.#prefix, this.#prefixBytes, at, at + taken);
    this.#prefixBytes += taken;
    if (this.#prefixBytes === MESSAGE_PREFIX_BYTES) this.#begin();
    return taken;
  }

  #begin(): void {
    if (this.#prefix[0] !== 0) {
      throw new HoldfastError("INTERNAL", "The service compressed a message unasked.");
    }
    this.#bytes = this.#prefix.readUInt32BE(1);
    this.#bytesLeft = this.#bytes;
    if (this.#bytes > this.#receiveBytesMax) {
      throw new HoldfastError("MESSAGE_TOO_LARGE", "A message is larger than its receiver takes.");
    }
  }
}
