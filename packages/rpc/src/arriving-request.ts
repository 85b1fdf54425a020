import type { ServerHttp2Stream } from "node:http2";
import { HoldfastError } from "@holdfast/core";
import type { ReceiveBudget } from "./receive-budget.js";

/** What a caller is told to wait when requests fill their memory, milliseconds. */
const RETRY_MS = 1_000;

/** The request of one call while it arrives, and what it holds of the memory for requests. */
export class ArrivingRequest {
  readonly #budget: ReceiveBudget;
  /** Arrived, and not read yet: as much as the peer's window, while nobody reads. */
  #unreadBytes = 0;
  /** Read, of a message that is not whole yet. */
  #partBytes = 0;

  /** @param refuse ends the call; told when its request is more than there is memory for. */
  constructor(
    budget: ReceiveBudget,
    stream: ServerHttp2Stream,
    refuse: (error: HoldfastError) => void,
  ) {
    this.#budget = budget;
    const push = stream.push.bind(stream);
    // "data" tells of what is read only, and a paused stream goes on to take what arrives.
    stream.push = (piece: Buffer | null) => {
      if (piece === null) return push(piece);
      this.#unreadBytes += budget.add(piece.length);
      const wantsMore = push(piece);
      if (!budget.isUsedUp) return wantsMore;
      // The transport takes no more: what is held is held until the stream closes.
      stream.pause();
      refuse(tooMuch());
      return false;
    };
    stream.on("data", ({ length }: Buffer) => {
      const bytes = budget.costOf(length);
      this.#unreadBytes -= bytes;
      this.#partBytes += bytes;
    });
  }

  /** @throws NO_SLOT while the memory for requests is used up. */
  checkRoom(): void {
    if (this.#budget.isUsedUp) throw tooMuch();
  }

  /** What was read has become a whole request, or a whole message of a stream of them. */
  whole(): void {
    this.#budget.release(this.#partBytes);
    this.#partBytes = 0;
  }

  /** Its call is gone, and all that had arrived with it. */
  gone(): void {
    this.whole();
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
