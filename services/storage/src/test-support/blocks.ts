import { storage } from "@holdfast/api";
import type { SeededRandom } from "@holdfast/testing";
import type { ModelTransaction, ModelWrite } from "./ledger-model.js";

/** What a block carries besides its transactions. */
export interface BlockOptions {
  readonly requestId?: string;
  readonly expectedFirstVersion?: bigint;
}

/** An encoded CommitBlockRequest. */
export function encodeBlock(
  transactions: readonly ModelTransaction[],
  { requestId = "", expectedFirstVersion }: BlockOptions = {},
): Buffer {
  const request: storage.CommitBlockRequest = {
    transactions: transactions.map(({ payload, writes, events }) => ({
      payload,
      writeSet: writes.map(([key, value]) => ({
        op:
          value === null
            ? { $case: "delete", value: key }
            : { $case: "put", value: { key, value } },
      })),
      events,
    })),
    expectedFirstVersion,
    requestId,
  };
  return Buffer.from(storage.CommitBlockRequest.encode(request).finish());
}

/** A transaction with these writes; keys and values as text. */
export function transactionOf(writes: Readonly<Record<string, string | null>>): ModelTransaction {
  return {
    payload: Buffer.from("payload"),
    writes: Object.entries(writes).map(([key, value]): ModelWrite => {
      return [Buffer.from(key), value === null ? null : Buffer.from(value)];
    }),
    events: [Buffer.from("event")],
  };
}

/**
 * A random block over few keys, so that overwrites, deletes, deletes of absent keys and equal
 * values all occur, also of one key in several transactions of the block.
 */
export function randomBlock(random: SeededRandom, keys: number): ModelTransaction[] {
  return Array.from({ length: 1 + random.int(5) }, () => {
    const writes = new Map<number, Buffer | null>();
    for (let write = random.int(12); write > 0; write--) {
      const value = random.chance(0.3) ? null : Buffer.alloc(random.int(4) * 70, random.int(3));
      writes.set(random.int(keys), value);
    }
    return {
      payload: random.bytes(random.int(20)),
      writes: [...writes].map(([key, value]): ModelWrite => [Buffer.from(`key ${key}`), value]),
      events: Array.from({ length: random.int(4) }, () => random.bytes(random.int(9))),
    };
  });
}
