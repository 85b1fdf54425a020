import { ChildAbort, HoldfastError, limits } from "@holdfast/core";

/** The uploads of a restore that are under way. */
export class Uploads {
  readonly #running: Map<ChildAbort, Promise<unknown>> = new Map();

  /**
   * Runs an upload until it settles or `end` is called.
   * @throws NO_SLOT when too many run; what `upload` throws.
   */
  async run<T>(signal: AbortSignal, upload: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#running.size >= limits.UPLOAD_STREAMS_MAX) {
      throw new HoldfastError(
        "NO_SLOT",
        `${limits.UPLOAD_STREAMS_MAX} uploads run already. Try again later.`,
        { retryAfterMs: 100 },
      );
    }
    using child = new ChildAbort(signal);
    const running = upload(child.signal);
    this.#running.set(child, running);
    try {
      return await running;
    } finally {
      this.#running.delete(child);
    }
  }

  /** Ends all uploads with this error, and waits until nothing of them runs any more. */
  async end(error: Error): Promise<void> {
    const running = [...this.#running.values()];
    for (const child of this.#running.keys()) child.abort(error);
    await Promise.allSettled(running);
  }
}
