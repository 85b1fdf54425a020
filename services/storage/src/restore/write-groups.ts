import type { ProvedBatch } from "./tile-prover.js";

/** Bytes of items that are written together; with more the thread that writes stands still for long. */
const GROUP_BYTES: number = 2 ** 20;

/**
 * Lets proved batches wait for the next ones, so that they are written in one transaction: each
 * costs a wait for the disk, and writes the same few pages anew. Nothing waits for what is not
 * being proved already.
 */
export class WriteGroups {
  #proving = 0;
  #heldBytes = 0;
  #held: (() => void)[] = [];

  /** Resolves when it is time to write the batch; all of a group within one turn. */
  async join(proving: Promise<ProvedBatch>): Promise<ProvedBatch> {
    this.#proving += 1;
    try {
      const batch = await proving;
      this.#heldBytes += batch.body.length;
      const go = new Promise<void>((resolve) => this.#held.push(resolve));
      this.#proved();
      await go;
      return batch;
    } catch (error) {
      this.#proved();
      throw error;
    }
  }

  /** One less is being proved. */
  #proved(): void {
    this.#proving -= 1;
    if (this.#proving > 0 && this.#heldBytes < GROUP_BYTES) return;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const go of held) go();
  }
}
