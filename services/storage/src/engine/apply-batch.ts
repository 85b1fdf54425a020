import { databaseTable } from "./database-table.js";
import type { EarlySync } from "./early-sync.js";
import type { Bytes, GenerationEnv } from "./generation-env.js";
import { OPERATION, readBatch, type Segment } from "./packed-batch.js";

const APPEND: { readonly append: true } = { append: true };

/** Applies packed batches, each group of them as one durable transaction. */
export class BatchApplier {
  readonly #env: GenerationEnv;
  readonly #early: EarlySync;
  readonly #databases: readonly Bytes[];

  constructor(env: GenerationEnv, early: EarlySync) {
    this.#env = env;
    this.#early = early;
    this.#databases = databaseTable(env);
  }

  /**
   * All of it is durable when this returns, and nothing of it is there when it throws. Each
   * segment is a child transaction: LMDB keeps the pages a transaction has touched in a sorted
   * list and moves half of it for each new one; a child's list is short, and merged in one pass.
   * An error in a child ends all of them. (lmdb 3.5.6 does not notice a child that could not begin,
   * which takes a failed allocation.)
   * @throws Error of LMDB; the environment may be unusable after that.
   */
  apply(segments: readonly Segment[]): void {
    const { root } = this.#env;
    const bytes = segments.reduce((sum, { used }) => sum + used, 0);
    this.#early.transaction(root, bytes, () => {
      for (const segment of segments) {
        root.transactionSync(() => readBatch(segment, this.#entry));
      }
    });
  }

  readonly #entry = (operation: number, number: number, key: Buffer, value: Buffer): void => {
    const database = this.#databases[number];
    if (database === undefined) throw new Error(`a batch names database ${number}`);
    if (operation === OPERATION.remove) {
      database.removeSync(key);
      return;
    }
    const options = operation === OPERATION.append ? APPEND : {};
    const isTaken: unknown = database.putSync(key, value, options);
    // LMDB answers so when an appended key does not sort last.
    if (isTaken !== true) {
      throw new Error(`LMDB did not take key ${key.toString("hex")} of database ${number}`);
    }
  };
}
