import type { ServerHttp2Stream } from "node:http2";
import { HoldfastError } from "@holdfast/core";
import type { ReceiveBudget } from "./receive-budget.js";

/** What a caller is told to wait when requests fill their memory, milliseconds. */
const RETRY_MS = 1_000;

/** The request of one call while it arrives, and what it holds of the memory for requests. */
export class ArrivingRequest {
  readonly #budget: ReceiveBudget;
  #heldBytes = 0;

  /** @param refuse ends the call; told when its request is more than there is memory for. */
  constructor(
    budget: ReceiveBudget,
    stream: ServerHttp2Stream,
    refuse: (error: HoldfastError) => void,
  ) {
    this.#budget = budget;
    stream.on("data", (piece: Buffer) => {
      this.#heldBytes += budget.add(piece.length);
      if (!budget.isUsedUp) return;
      // The transport takes no more: what is held is held until the stream closes.
      stream.pause();
      refuse(tooMuch());
    });
  }

  /** @throws NO_SLOT while the memory for requests is used up. */
  checkRoom(): void {
    if (this.#budget.isUsedUp) throw tooMuch();
  }

  /** It has arrived whole, or one message of a stream of them; or its call is gone. */
  whole(): void {
    this.#budget.release(this.#heldBytes);
    this.#heldBytes = 0;
  }
}

function tooMuch(): HoldfastError {
  return new HoldfastError(
    "NO_SLOT",
    "Requests that are being received fill the memory for them. Try again later.",
    { retryAfterMs: RETRY_MS },
  );
}
