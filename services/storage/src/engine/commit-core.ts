import { type CommitAnswer, checkBlock } from "../ledger/block.js";
import { type BlockSources, buildBlock } from "../ledger/build-block.js";
import { type Head, readHead } from "../ledger/head.js";
import { parseBlock } from "../rpc/block-parser.js";
import { createMessageHasher } from "../state/message-hasher.js";
import { TREE_HEAP_BYTES, TreeHasher } from "../state/tree-hasher.js";
import { BatchSink } from "./batch-sink.js";
import type { GenerationEnv } from "./generation-env.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";
import { BatchWriter, type Segment } from "./packed-batch.js";
import { PendingNodes } from "./pending-nodes.js";
import { RequestIds } from "./request-ids.js";

/** Time and chance. */
export interface CommitSources {
  readonly wallUs: () => bigint;
  readonly randomBytes: (count: number) => Buffer;
}

/** What a block has become: a batch to be written, or the answer of an earlier one. */
export interface PreparedBlock {
  readonly answer: CommitAnswer;
  /** Empty for a repeated request. The answer may be given when its version is durable. */
  readonly segments: readonly Segment[];
}

/**
 * Turns blocks into batches, each on top of the one before, ahead of the disk. Whoever uses it
 * writes the batches in order and says what is durable; if one cannot be written, this object is
 * of no use any more.
 */
export class CommitCore {
  readonly #reader: LmdbStoreReader;
  readonly #requests: RequestIds;
  readonly #batch: BatchWriter = new BatchWriter();
  readonly #pending: PendingNodes = new PendingNodes();
  readonly #sources: BlockSources;
  #head: Head;

  constructor(env: GenerationEnv, sources: CommitSources) {
    this.#reader = new LmdbStoreReader(env);
    this.#sources = {
      ...sources,
      nodes: {
        pending: (version, path) => this.#pending.get(version, path),
        load: (version, path) => this.#reader.node(version, path),
      },
      treeHasher: new TreeHasher(createMessageHasher(TREE_HEAP_BYTES)),
    };
    this.#requests = new RequestIds(env);
    this.#reader.refresh();
    this.#head = readHead(this.#reader);
    this.#reader.release();
  }

  /**
   * Checks, hashes and packs a block (an encoded CommitBlockRequest).
   * @throws what is wrong with the block; nothing has changed then.
   */
  prepare(request: Buffer): PreparedBlock {
    const block = parseBlock(request);
    checkBlock(block);
    if (block.requestId !== "") {
      const now = this.#sources.wallUs();
      const answer = this.#requests.answerOf(block.requestId, block.bodyHash, now);
      if (answer !== null) return { answer, segments: [] };
    }
    const isOneVersion = block.transactions.length === 1;
    const sink = new BatchSink(this.#batch, this.#requests, isOneVersion);
    try {
      const { head, answer } = buildBlock(block, this.#head, this.#sources, sink);
      this.#pending.add(answer.committedVersion, sink.nodes());
      this.#head = head;
      return { answer, segments: this.#batch.take() };
    } catch (error) {
      this.recycle(this.#batch.take().map(({ buffer }) => buffer));
      throw error;
    }
  }

  /** Batches up to this version are durable. */
  durable(version: bigint): void {
    // What is no longer pending is on disk; older snapshots must not be read any more.
    this.#reader.release();
    this.#pending.durable(version);
    this.#requests.durable(version);
  }

  /** Buffers of batches that were written, to be filled again. */
  recycle(buffers: readonly ArrayBuffer[]): void {
    this.#batch.recycle(buffers);
  }
}
