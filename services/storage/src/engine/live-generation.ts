import type { StoreReader } from "../state/state-reader.js";
import type { GenerationEnv } from "./generation-env.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";
import { countReadTransactions } from "./read-transactions.js";

/** A generation in use by one request or stream. */
export interface GenerationUse {
  readonly number: number;
  /** Folder of its environment, for other threads. */
  readonly path: string;
  /** Reads it in the main thread; point reads only. */
  readonly reader: StoreReader;
  /** Ends the use; more calls do nothing. */
  release(): void;
}

/** Closes and removes what is no longer used. */
export interface Retirement {
  /** Called once for a generation that was replaced, when its last use has ended. */
  retire(number: number, env: GenerationEnv): Promise<void>;
  /** It failed; the files stay until the next start. */
  onFailure(error: unknown): void;
}

interface Entry {
  readonly number: number;
  readonly env: GenerationEnv;
  readonly reader: LmdbStoreReader;
  uses: number;
}

/**
 * The generation that is live now. A request ends in the generation in which it began: a replaced
 * one lives on until its last use ends.
 */
export class LiveGeneration {
  readonly #retirement: Retirement;
  readonly #retiring: Set<Promise<void>> = new Set();
  #current: Entry;

  constructor(number: number, env: GenerationEnv, retirement: Retirement) {
    this.#current = entryOf(number, env);
    this.#retirement = retirement;
  }

  get number(): number {
    return this.#current.number;
  }

  get path(): string {
    return this.#current.env.path;
  }

  /** Reads the live generation in the main thread, for the length of one synchronous step. */
  get reader(): StoreReader {
    return this.#current.reader;
  }

  /** Read transactions open in it, in all threads. */
  readTransactions(): number {
    return countReadTransactions(this.#current.env);
  }

  /** Begins a use of the live generation. */
  use(): GenerationUse {
    const entry = this.#current;
    entry.uses += 1;
    let held = true;
    return {
      number: entry.number,
      path: entry.env.path,
      reader: entry.reader,
      release: () => {
        if (!held) return;
        held = false;
        entry.uses -= 1;
        this.#retireIfUnused(entry);
      },
    };
  }

  /** Makes another generation live. Uses that began before go on in theirs. */
  swap(number: number, env: GenerationEnv): void {
    const old = this.#current;
    this.#current = entryOf(number, env);
    this.#retireIfUnused(old);
  }

  /** Waits for retirements under way and closes the live generation in this thread. */
  async close(): Promise<void> {
    await Promise.all(this.#retiring);
    await this.#current.env.close();
  }

  #retireIfUnused(entry: Entry): void {
    if (entry === this.#current || entry.uses > 0) return;
    entry.reader.release();
    const retiring = this.#retirement
      .retire(entry.number, entry.env)
      .catch((error: unknown) => this.#retirement.onFailure(error))
      .finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }
}

function entryOf(number: number, env: GenerationEnv): Entry {
  return { number, env, reader: new LmdbStoreReader(env), uses: 0 };
}
