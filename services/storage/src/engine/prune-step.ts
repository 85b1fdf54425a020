import type { Oldest } from "../ledger/pruner.js";
import type { Bytes, GenerationEnv } from "./generation-env.js";
import { META, SHARDS, shardOf, stateKey, u64 } from "./schema.js";
import { decodeStaleList } from "./stale-list.js";

/** Rows removed in one transaction, about: commits wait for it. */
const ROWS_PER_STEP = 4_000;

/** Raises the oldest versions, durable when this returns. */
export function raiseOldest(env: GenerationEnv, oldest: Oldest): void {
  env.root.transactionSync(() => {
    env.meta.putSync(META.oldestState, u64(oldest.state));
    env.meta.putSync(META.oldestTransaction, u64(oldest.transaction));
    env.meta.putSync(META.oldestJournal, u64(oldest.journal));
  });
}

/**
 * Removes some of what lies below the oldest versions, in one transaction.
 * @returns rows removed; 0 when nothing is left to remove.
 */
export function pruneStep(env: GenerationEnv): number {
  return env.root.transactionSync(() => {
    const step = new PruneStep(env);
    step.transactions();
    step.journal();
    step.state();
    return step.removed;
  });
}

class PruneStep {
  readonly #env: GenerationEnv;
  removed = 0;

  constructor(env: GenerationEnv) {
    this.#env = env;
  }

  transactions(): void {
    const { transactions } = this.#env;
    this.#removeBelow(transactions, this.#oldest(META.oldestTransaction));
  }

  /** A delta from version V needs the entries behind V. */
  journal(): void {
    const below = this.#oldest(META.oldestJournal) + 1n;
    for (const shard of this.#env.journal) this.#removeBelow(shard, below);
  }

  /**
   * What checkpoints up to the oldest state replaced. A stale list is taken whole: its row is the
   * mark that its work is to be done, and goes with it.
   */
  state(): void {
    const oldest = this.#oldest(META.oldestState);
    for (let shard = 0; shard < SHARDS; shard++) {
      const stale = at(this.#env.stale, shard);
      while (!this.#isFull) {
        const [next] = [...stale.getRange({ end: u64(oldest + 1n), limit: 1 })];
        if (next === undefined) break;
        const { nodeKeys, keyHashes } = decodeStaleList(next.value);
        for (const key of nodeKeys) this.#remove(at(this.#env.nodes, shard), key);
        for (const keyHash of keyHashes) this.#removeOldRows(keyHash, oldest);
        this.#remove(stale, next.key);
      }
    }
    // The journal's counters are still asked for where only the state is pruned.
    const journal = this.#oldest(META.oldestJournal);
    if (journal < oldest) this.#removeBelow(this.#env.checkpoints, journal);
    else this.#removeBelow(this.#env.checkpoints, oldest);
  }

  /** Keeps the newest row up to `oldest`, unless it says that the key was deleted. */
  #removeOldRows(keyHash: Buffer, oldest: bigint): void {
    const rows = at(this.#env.state, shardOf(keyHash));
    const range = { start: stateKey(keyHash, oldest), end: stateKey(keyHash, 0n) };
    let isNewest = true;
    for (const { key, value } of [...rows.getRange({ ...range, inclusiveEnd: true })]) {
      if (!isNewest || value.length === 0) this.#remove(rows, key);
      isNewest = false;
    }
  }

  #removeBelow(database: Bytes, version: bigint): void {
    if (version === 0n || this.#isFull) return;
    const limit = ROWS_PER_STEP - this.removed;
    for (const key of [...database.getKeys({ end: u64(version), limit })]) {
      this.#remove(database, key);
    }
  }

  #remove(database: Bytes, key: Buffer): void {
    database.removeSync(key);
    this.removed += 1;
  }

  #oldest(key: Buffer): bigint {
    return this.#env.meta.get(key)?.readBigUInt64BE() ?? 0n;
  }

  get #isFull(): boolean {
    return this.removed >= ROWS_PER_STEP;
  }
}

function at(databases: readonly Bytes[], shard: number): Bytes {
  const database = databases[shard];
  if (database === undefined) throw new RangeError(`there is no shard ${shard}`);
  return database;
}
