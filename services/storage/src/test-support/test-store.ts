import { randomBytes } from "node:crypto";
import { type TemporaryDirectory, temporaryDirectory } from "@holdfast/testing";
import { BatchApplier } from "../engine/apply-batch.js";
import { CommitCore, type PreparedBlock } from "../engine/commit-core.js";
import { EarlySync } from "../engine/early-sync.js";
import { type GenerationEnv, openGenerationEnv } from "../engine/generation-env.js";
import { LmdbStoreReader } from "../engine/lmdb-store-reader.js";
import type { CommitAnswer } from "../ledger/block.js";
import { type BlockOptions, encodeBlock } from "./blocks.js";
import type { ModelTransaction } from "./ledger-model.js";

/** A store in one thread, for tests: blocks are prepared and written when the test says so. */
export class TestStore {
  readonly folder: TemporaryDirectory;
  /** The wall clock. */
  nowUs = 1_700_000_000_000_000n;
  env: GenerationEnv;
  reader: LmdbStoreReader;
  #core: CommitCore;
  readonly #early: EarlySync;
  #applier: BatchApplier;
  /** Prepared, not written. */
  #ahead: PreparedBlock[] = [];

  private constructor(folder: TemporaryDirectory) {
    this.folder = folder;
    this.env = openGenerationEnv(folder.path);
    this.reader = new LmdbStoreReader(this.env);
    this.#core = this.#newCore();
    this.#early = new EarlySync(folder.path);
    this.#applier = new BatchApplier(this.env, this.#early);
  }

  static async open(): Promise<TestStore> {
    return new TestStore(await temporaryDirectory());
  }

  /** Prepares a block on top of those before it; it is not on disk until `flush`. */
  prepare(transactions: readonly ModelTransaction[], options?: BlockOptions): CommitAnswer {
    return this.prepareBytes(encodeBlock(transactions, options));
  }

  prepareBytes(request: Buffer): CommitAnswer {
    const prepared = this.#core.prepare(request);
    if (prepared.segments.length > 0) this.#ahead.push(prepared);
    return prepared.answer;
  }

  /** Blocks that are prepared and not written. */
  get ahead(): number {
    return this.#ahead.length;
  }

  /** Writes the oldest `count` prepared blocks in one transaction. */
  flush(count: number = this.#ahead.length): void {
    const blocks = this.#ahead.splice(0, count);
    const last = blocks.at(-1);
    if (last === undefined) return;
    const segments = blocks.flatMap((block) => block.segments);
    this.#applier.apply(segments);
    this.#core.recycle(segments.map(({ buffer }) => buffer));
    this.#core.durable(last.answer.committedVersion);
  }

  /** Prepares and writes a block. */
  commit(transactions: readonly ModelTransaction[], options?: BlockOptions): CommitAnswer {
    const answer = this.prepare(transactions, options);
    this.flush();
    return answer;
  }

  /** Closes and opens again, as after a restart; what was not written is lost. */
  async reopen(): Promise<void> {
    this.#ahead = [];
    await this.env.close();
    this.env = openGenerationEnv(this.folder.path);
    this.reader = new LmdbStoreReader(this.env);
    this.#core = this.#newCore();
    this.#applier = new BatchApplier(this.env, this.#early);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#early.close();
    await this.env.close();
    await this.folder[Symbol.asyncDispose]();
  }

  #newCore(): CommitCore {
    return new CommitCore(this.env, { wallUs: () => this.nowUs, randomBytes });
  }
}
