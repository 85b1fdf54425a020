// Goal: a row on disk that does not parse is ROW_CORRUPT to who reads it, not a fault of the caller.
// Method: rows of a small store overwritten, then read as a client would.
import { strict as assert } from "node:assert";
import test from "node:test";
import { storage } from "@holdfast/api";
import { sha256 } from "@holdfast/merkle";
import type { CallContext } from "@holdfast/rpc";
import { LiveGeneration } from "../engine/live-generation.js";
import { shardOf, stateKey, u64 } from "../engine/schema.js";
import { transactionOf } from "../test-support/blocks.js";
import { TestStore } from "../test-support/test-store.js";
import { getState } from "./get-state.js";
import { getTransaction } from "./get-transaction.js";
import { listState } from "./list-state.js";

const CORRUPT = { reason: "ROW_CORRUPT", message: /does not parse/ };
const NONSENSE: Buffer = Buffer.from("nonsense");

test("a row of the state and a transaction that do not parse", async () => {
  await using store = await TestStore.open();
  store.commit([transactionOf({ key: "value" })]);
  const { env } = store;
  const live = new LiveGeneration(1, env, {
    retire: async () => undefined,
    onFailure: assert.fail,
  });
  const key = Buffer.from("key");
  env.state[shardOf(sha256(key))]?.putSync(stateKey(sha256(key), 0n), NONSENSE);
  env.transactions.putSync(u64(0n), NONSENSE);
  const proofFormat = storage.ProofFormat.STATE_PROOF;
  for (const withProof of [false, true]) {
    const request = { key, version: undefined, withProof, proofFormat };
    assert.throws(() => getState(live, request), CORRUPT);
  }
  const context = { signal: new AbortController().signal } as CallContext;
  const page = { version: undefined, pageSize: 0, pageToken: "" };
  await assert.rejects(listState(live, page, context), CORRUPT);
  assert.throws(() => getTransaction(live, { version: 0n, logVersion: undefined }), CORRUPT);
});
