import { HoldfastError, limits } from "@holdfast/core";
import type { CommitAnswer } from "../ledger/block.js";
import { ANSWER_BYTES, decodeAnswer, encodeAnswer } from "./answer-codec.js";
import { REQUEST_ORDER, REQUESTS } from "./database-table.js";
import type { GenerationEnv } from "./generation-env.js";
import type { BatchWriter } from "./packed-batch.js";
import { u64 } from "./schema.js";

/** Ids dropped by one block at most, so that the bound holds and no block pays for many. */
const EXPIRED_PER_BLOCK_MAX = 8;
const HASH_BYTES = 32;

/** An id with the body it came with and the answer it got. */
interface KnownRequest {
  readonly bodyHash: Buffer;
  readonly answer: CommitAnswer;
}

/**
 * Request ids of blocks: `requests` is id -> body hash 32, answer; `request_order` is
 * version -> id, the oldest first. They are written in the block's own transaction.
 */
export class RequestIds {
  readonly #env: GenerationEnv;
  /** Those of blocks that are not durable yet. */
  readonly #pending: Map<string, KnownRequest> = new Map();
  /** How many `request_order` has, pending ones included. */
  #count: number;
  /** Where the search for the oldest goes on. */
  #searchFrom = 0n;

  constructor(env: GenerationEnv) {
    this.#env = env;
    this.#count = env.requestOrder.getKeysCount({});
  }

  /**
   * The answer that a request with this id got, or null.
   * @throws REQUEST_ID_REUSED when it came with another body.
   */
  answerOf(id: string, bodyHash: Buffer, nowUs: bigint): CommitAnswer | null {
    const known = this.#pending.get(id) ?? this.#stored(id);
    if (known === null || isExpired(known, nowUs)) return null;
    if (!known.bodyHash.equals(bodyHash)) {
      throw new HoldfastError(
        "REQUEST_ID_REUSED",
        `The request id was used before, for the block at version ${known.answer.firstVersion}. ` +
          "Use a new id for a new block.",
        { metadata: { request_id: id, first_version: `${known.answer.firstVersion}` } },
      );
    }
    return { ...known.answer, repeatedRequest: true };
  }

  /** Keeps an id and drops what is too old or too many. */
  add(id: string, bodyHash: Buffer, answer: CommitAnswer, batch: BatchWriter): void {
    const key = Buffer.from(id);
    this.#pending.set(id, { bodyHash: Buffer.from(bodyHash), answer });
    batch.put(REQUESTS, key, Buffer.concat([bodyHash, encodeAnswer(answer)]));
    batch.append(REQUEST_ORDER, u64(answer.committedVersion), key);
    this.#count += 1;
    this.#expire(answer.commitTimeUs, batch);
  }

  /** Blocks up to this version are durable. */
  durable(version: bigint): void {
    for (const [id, { answer }] of this.#pending) {
      if (answer.committedVersion > version) return;
      this.#pending.delete(id);
    }
  }

  #expire(nowUs: bigint, batch: BatchWriter): void {
    const { requestOrder } = this.#env;
    const range = { start: u64(this.#searchFrom), limit: EXPIRED_PER_BLOCK_MAX };
    for (const { key, value } of requestOrder.getRange(range)) {
      const id = value.toString();
      const known = this.#stored(id);
      const isTooMany = this.#count > limits.REQUEST_IDS_KEPT_MAX;
      if (known !== null && !isTooMany && !isExpired(known, nowUs)) return;
      const version = key.readBigUInt64BE();
      batch.remove(REQUEST_ORDER, key);
      this.#count -= 1;
      this.#searchFrom = version + 1n;
      // An id that was used again after its time belongs to a newer block.
      const isNewest = known?.answer.committedVersion === version && !this.#pending.has(id);
      if (isNewest) batch.remove(REQUESTS, value);
    }
  }

  #stored(id: string): KnownRequest | null {
    const value = this.#env.requests.get(Buffer.from(id));
    if (value === undefined || value.length !== HASH_BYTES + ANSWER_BYTES) return null;
    return {
      bodyHash: value.subarray(0, HASH_BYTES),
      answer: decodeAnswer(value.subarray(HASH_BYTES)),
    };
  }
}

function isExpired({ answer }: KnownRequest, nowUs: bigint): boolean {
  return nowUs - answer.commitTimeUs > limits.REQUEST_ID_AGE_US_MAX;
}
