import type { MergedItem } from "./merge.js";

/** Reads a merged state item by item, without a promise for each. */
export class ItemReader {
  readonly #source: AsyncIterator<readonly MergedItem[]>;
  #batch: readonly MergedItem[] = [];
  #index = 0;

  constructor(merged: AsyncIterable<readonly MergedItem[]>) {
    this.#source = merged[Symbol.asyncIterator]();
  }

  /** The next item if it is here already. */
  loaded(): MergedItem | null {
    return this.#batch[this.#index] ?? null;
  }

  /** The next item, or null at the end. */
  async peek(): Promise<MergedItem | null> {
    for (;;) {
      const here = this.loaded();
      if (here !== null) return here;
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#batch = next.value;
      this.#index = 0;
    }
  }

  /** Goes behind the item here. */
  step(): void {
    this.#index += 1;
  }

  /** Ends the source. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
