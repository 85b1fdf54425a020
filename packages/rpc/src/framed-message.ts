/** Length of what announces a message: a flag byte (0: not compressed) and its length, u32 big-endian. */
export const MESSAGE_PREFIX_BYTES = 5;

/**
 * A message as gRPC frames it on the wire (PROTOCOL-HTTP2.md, Length-Prefixed-Message), in the
 * pieces of memory that hold it: a process that passes it on has no need to copy them together.
 */
export class FramedMessage {
  /** Prefix and message, in order. */
  readonly pieces: readonly Uint8Array[];
  /** Length of the message, without its prefix. */
  readonly bytes: number;

  constructor(pieces: readonly Uint8Array[], bytes: number) {
    this.pieces = pieces;
    this.bytes = bytes;
  }

  /** Frames a message, which must not be changed afterwards. */
  static of(message: Uint8Array): FramedMessage {
    const prefix = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES);
    prefix[0] = 0;
    prefix.writeUInt32BE(message.length, 1);
    // Node's HTTP/2 does not tell that an empty piece was written, and the stream never ends.
    const pieces = message.length === 0 ? [prefix] : [prefix, message];
    return new FramedMessage(pieces, message.length);
  }

  /** The first byte of the message; undefined when it is empty. */
  get firstByte(): number | undefined {
    let at = MESSAGE_PREFIX_BYTES;
    for (const piece of this.pieces) {
      if (at < piece.length) return piece[at];
      at -= piece.length;
    }
    return undefined;
  }

  /** The message in one piece, which copies it. */
  join(): Buffer {
    return Buffer.concat(this.pieces).subarray(MESSAGE_PREFIX_BYTES);
  }
}
