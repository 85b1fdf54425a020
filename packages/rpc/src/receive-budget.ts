/**
 * What a piece of a request costs besides its bytes until the request is whole. A message in
 * 1-byte pieces takes 170 to 350 times its size.
 */
const PIECE_BYTES = 256;
/**
 * What calls that stream their request may fill. The rest is for single messages: a lease can be
 * renewed however much is being uploaded.
 */
const UPLOADS_SHARE = 0.75;

/**
 * Bounds the memory of requests that are being received, over all calls of a server: each may be
 * as large as the largest message, and a peer that sends half of one is waited for.
 */
export class ReceiveBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is held now, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing more should be begun by a call that streams its request, or by another. */
  isUsedUp(isUpload: boolean): boolean {
    return this.#bytes >= this.#bytesMax * (isUpload ? UPLOADS_SHARE : 1);
  }

  /** What a piece of a request costs, bytes. */
  costOf(pieceBytes: number): number {
    return pieceBytes + PIECE_BYTES;
  }

  /** Counts one piece of a request. @returns what it costs, bytes. */
  add(pieceBytes: number): number {
    const cost = this.costOf(pieceBytes);
    this.#bytes += cost;
    return cost;
  }

  /** Gives back what pieces cost. */
  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
