import type { ServerHttp2Stream } from "node:http2";
import { HoldfastError } from "@holdfast/core";
import { MessageBounds } from "./message-bounds.js";
import type { ReceiveBudget } from "./receive-budget.js";

/** What a caller is told to wait when requests fill their memory, milliseconds. */
const RETRY_MS = 1_000;

/** The request of one call while it arrives, and what it holds of the memory for requests. */
export class ArrivingRequest {
  readonly #budget: ReceiveBudget;
  readonly #isUpload: boolean;
  /** Arrived, and not read yet: as much as the peer's window, while nobody reads. */
  #unreadBytes = 0;
  /** Read, of a message that is not whole yet. */
  #partBytes = 0;
  /** Of whole messages that the handler has not taken yet, oldest first: grpc-js reads ahead. */
  readonly #aheadBytes: number[] = [];
  readonly #bounds: MessageBounds = new MessageBounds();
  #isOver = false;

  /**
   * @param isUpload whether its messages come as a stream.
   * @param refuse ends the call; told when its request is more than there is memory for.
   */
  constructor(
    budget: ReceiveBudget,
    stream: ServerHttp2Stream,
    isUpload: boolean,
    refuse: (error: HoldfastError) => void,
  ) {
    this.#budget = budget;
    this.#isUpload = isUpload;
    const push = stream.push.bind(stream);
    // "data" tells of what is read only, and a paused stream goes on to take what arrives.
    stream.push = (piece: Buffer | null) => {
      if (piece === null) return push(piece);
      // Nobody will read it. The transport goes on taking, so that the peer comes to its end.
      if (this.#isOver) return true;
      this.#unreadBytes += budget.add(piece.length);
      const wantsMore = push(piece);
      // The piece itself may have ended the call, when a message in it is too large.
      if (this.#isOver || !budget.isUsedUp(isUpload)) return wantsMore;
      stream.pause();
      refuse(tooMuch());
      return wantsMore;
    };
    stream.on("data", (piece: Buffer) => {
      const bytes = budget.costOf(piece.length);
      this.#unreadBytes -= bytes;
      this.#bounds.take(piece);
      // Behind the end of a call it is read to be dropped.
      if (this.#isOver) budget.release(bytes);
      else this.#partBytes += bytes;
    });
  }

  /** Whether what was read ends inside a message. */
  get isCutOff(): boolean {
    return this.#bounds.isInside;
  }

  /** @throws NO_SLOT while the memory for requests is used up. */
  checkRoom(): void {
    if (this.#budget.isUsedUp(this.#isUpload)) throw tooMuch();
  }

  /** What was read has become a whole request. */
  whole(): void {
    this.#budget.release(this.#partBytes);
    this.#partBytes = 0;
  }

  /**
   * What was read has become a message that is held until it is `taken`. Of several in one piece the
   * first one counts for all: what is read ahead is bounded but for a piece of 16 KiB.
   */
  wholeMessage(): void {
    this.#aheadBytes.push(this.#partBytes);
    this.#partBytes = 0;
  }

  /** The handler takes the oldest message that is held. */
  taken(): void {
    this.#budget.release(this.#aheadBytes.shift() ?? 0);
  }

  /** Its call has ended: what still arrives is dropped, what was not read is held until it is. */
  over(): void {
    this.#isOver = true;
  }

  /** Its stream is closed, and all that had arrived is gone with it. */
  gone(): void {
    this.over();
    this.whole();
    while (this.#aheadBytes.length > 0) this.taken();
    this.#budget.release(this.#unreadBytes);
    this.#unreadBytes = 0;
  }
}

function tooMuch(): HoldfastError {
  return new HoldfastError(
    "NO_SLOT",
    "Requests that are being received fill the memory for them. Try again later.",
    { retryAfterMs: RETRY_MS },
  );
}
