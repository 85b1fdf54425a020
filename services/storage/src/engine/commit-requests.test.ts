// Goal: a request id protects from committing twice, in flight, after a restart, and until its time
// is over; wrong blocks change nothing and say what is wrong.
// Method: one store in one thread with a clock of its own.
import { strict as assert } from "node:assert";
import test from "node:test";
import { limits } from "@holdfast/core";
import { encodeBlock, transactionOf } from "../test-support/blocks.js";
import type { ModelTransaction, ModelWrite } from "../test-support/ledger-model.js";
import { TestStore } from "../test-support/test-store.js";

const BLOCK = [transactionOf({ a: "1" })];
const OTHER = [transactionOf({ a: "2" })];

test("a repeat gets the first answer: in flight, durable, after a restart", async () => {
  await using store = await TestStore.open();
  const first = store.prepare(BLOCK, { requestId: "one" });
  assert.equal(first.repeatedRequest, false);
  const expected = { ...first, repeatedRequest: true };
  assert.deepEqual(store.prepare(BLOCK, { requestId: "one" }), expected, "in flight");
  assert.equal(store.ahead, 1, "a repeat writes nothing");
  store.flush();
  assert.deepEqual(store.prepare(BLOCK, { requestId: "one" }), expected, "durable");
  await store.reopen();
  assert.deepEqual(store.prepare(BLOCK, { requestId: "one" }), expected, "after a restart");
  assert.equal(store.commit(BLOCK).firstVersion, 1n, "without an id it is another block");
});

test("a block that was not written is not remembered", async () => {
  await using store = await TestStore.open();
  store.prepare(BLOCK, { requestId: "lost" });
  await store.reopen();
  const answer = store.commit(BLOCK, { requestId: "lost" });
  assert.equal(answer.repeatedRequest, false);
  assert.equal(answer.firstVersion, 0n);
});

test("the same id with another body is refused", async () => {
  await using store = await TestStore.open();
  store.prepare(BLOCK, { requestId: "one" });
  const reused = { reason: "REQUEST_ID_REUSED" };
  assert.throws(() => store.prepare(OTHER, { requestId: "one" }), reused);
  store.flush();
  assert.throws(() => store.prepare(OTHER, { requestId: "one" }), reused);
});

test("an id is forgotten after its time, and may be used again", async () => {
  await using store = await TestStore.open();
  store.commit(BLOCK, { requestId: "one" });
  store.nowUs += limits.REQUEST_ID_AGE_US_MAX;
  assert.equal(store.commit(BLOCK, { requestId: "one" }).repeatedRequest, true);
  store.nowUs += 1n;
  const again = store.commit(OTHER, { requestId: "one" });
  assert.equal(again.repeatedRequest, false);
  // The old entry goes, the new one stays.
  store.commit(BLOCK, { requestId: "two" });
  store.commit(BLOCK, { requestId: "three" });
  assert.equal(store.commit(OTHER, { requestId: "one" }).repeatedRequest, true);
  assert.equal(store.env.requestOrder.getKeysCount({}), 3);
  assert.equal(store.env.requests.getKeysCount({}), 3);
});

test("the expected version is compared", async () => {
  await using store = await TestStore.open();
  assert.throws(() => store.prepare(BLOCK, { expectedFirstVersion: 1n }), {
    reason: "VERSION_MISMATCH",
    metadata: { next_version: "0", expected_first_version: "1" },
  });
  assert.equal(store.commit(BLOCK, { expectedFirstVersion: 0n }).committedVersion, 0n);
  assert.throws(() => store.prepare(BLOCK, { expectedFirstVersion: 0n }), {
    reason: "VERSION_MISMATCH",
  });
  // A repeat is answered although the version has moved on.
  const options = { expectedFirstVersion: 1n, requestId: "one" };
  store.commit(BLOCK, options);
  assert.equal(store.commit(BLOCK, options).repeatedRequest, true);
});

/** A transaction with one put of these sizes. */
function sized(keyBytes: number, valueBytes: number): ModelTransaction {
  const write: ModelWrite = [Buffer.alloc(keyBytes, 1), Buffer.alloc(valueBytes)];
  return { payload: Buffer.alloc(0), writes: [write], events: [] };
}

test("the largest of everything is taken", async () => {
  await using store = await TestStore.open();
  store.commit([sized(limits.KEY_BYTES_MAX, limits.VALUE_BYTES_MAX), sized(1, 0)]);
  const many = Array.from({ length: limits.BLOCK_TRANSACTIONS_MAX }, () => sized(1, 1));
  const answer = store.commit(many, { requestId: "r".repeat(64) });
  assert.equal(answer.committedVersion - answer.firstVersion, 9_999n);
  // Deletes of absent keys: they count like every write and cost no row.
  store.commit([crowded(limits.BLOCK_WRITES_MAX, limits.BLOCK_EVENTS_MAX)]);
});

/** A transaction with so many tiny writes and empty events. */
function crowded(writes: number, events: number): ModelTransaction {
  const write = (index: number): ModelWrite => [Buffer.from(index.toString(36)), null];
  return {
    payload: Buffer.alloc(0),
    writes: Array.from({ length: writes }, (_, index) => write(index)),
    events: new Array<Buffer>(events).fill(Buffer.alloc(0)),
  };
}

test("blocks beyond the limits change nothing", async (context) => {
  await using store = await TestStore.open();
  const first = store.commit(BLOCK);
  const twice: ModelTransaction = {
    ...sized(1, 1),
    writes: [
      [Buffer.from("k"), Buffer.from("1")],
      [Buffer.from("k"), null],
    ],
  };
  const large = { ...sized(1, 1), payload: Buffer.alloc(limits.TRANSACTION_BYTES_MAX) };
  const half = { ...sized(1, 1), payload: Buffer.alloc(limits.BLOCK_BYTES_MAX / 2) };
  const cases: readonly (readonly [string, string, Buffer])[] = [
    ["no transaction", "transactions", encodeBlock([])],
    [
      "too many transactions",
      "transactions",
      encodeBlock(Array.from({ length: limits.BLOCK_TRANSACTIONS_MAX + 1 }, () => sized(1, 0))),
    ],
    ["a block too large", "transactions", encodeBlock([half, half])],
    ["a transaction too large", "transactions[1]", encodeBlock([sized(1, 1), large])],
    [
      "too many writes in all",
      "transactions",
      encodeBlock([crowded(limits.BLOCK_WRITES_MAX, 0), crowded(1, 0)]),
    ],
    [
      "too many events in all",
      "transactions",
      encodeBlock([crowded(0, limits.BLOCK_EVENTS_MAX), crowded(0, 1)]),
    ],
    ["an empty key", "transactions[0].write_set[0].key", encodeBlock([sized(0, 1)])],
    [
      "a key too long",
      "transactions[0].write_set[0].key",
      encodeBlock([sized(limits.KEY_BYTES_MAX + 1, 1)]),
    ],
    [
      "a value too long",
      "transactions[0].write_set[0].value",
      encodeBlock([sized(1, limits.VALUE_BYTES_MAX + 1)]),
    ],
    ["a key twice", "write_set", encodeBlock([...BLOCK, twice])],
    ["a request id too long", "request_id", encodeBlock(BLOCK, { requestId: "ä".repeat(33) })],
  ];
  for (const [what, field, bytes] of cases) {
    await context.test(what, () => {
      assert.throws(() => store.prepareBytes(bytes), {
        reason: "INVALID_REQUEST",
        metadata: { field },
      });
    });
  }
  const next = store.commit(BLOCK);
  assert.equal(next.firstVersion, first.committedVersion + 1n);
});

test("bytes that are no request are refused, at every cut and with a zero tag", async () => {
  await using store = await TestStore.open();
  const whole = encodeBlock([transactionOf({ key: "value", gone: null })], { requestId: "id" });
  const invalid = { reason: "INVALID_REQUEST" };
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    // What is cut off between two fields of the request is a request, with fewer fields.
    const isWholeFields = length === whole.length - 4;
    if (isWholeFields) continue;
    assert.throws(() => store.prepareBytes(cut), invalid, `cut at ${length}`);
  }
  for (let at = 0; at < whole.length; at++) {
    const zeroed = Buffer.concat([whole.subarray(0, at), Buffer.from([0]), whole.subarray(at)]);
    let prepared = false;
    try {
      store.prepareBytes(zeroed);
      prepared = true;
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, "INVALID_REQUEST", `zero at ${at}`);
    }
    // Inside of bytes a zero is data; then no length fits any more but that of the whole.
    assert.equal(prepared, false, `a zero at ${at} was taken`);
  }
  const op = Buffer.from([0x0a, 0x04, 0x12, 0x02, 0x0a, 0x00]);
  assert.throws(() => store.prepareBytes(op), invalid, "an empty put has an empty key");
  const nothing = Buffer.from([0x0a, 0x02, 0x12, 0x00]);
  assert.throws(() => store.prepareBytes(nothing), invalid, "a write that is neither");
});
