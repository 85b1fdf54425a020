// Goal: what is committed is what the definition says, at every version: values, state roots, log
// roots, infos, journal, counters; and pruning keeps exactly what it must.
// Method: random blocks (overwrites, deletes, no-ops, several writes of a key in a block) prepared
// ahead of the disk and flushed at random, against a model of plain maps and recursion.
import { strict as assert } from "node:assert";
import test from "node:test";
import {
  decodeStateItem,
  encodeTransactionInfo,
  sha256,
  stateRootProofLogRoot,
} from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { proveRoot } from "../state/log-proofs.js";
import { randomBlock, transactionOf } from "../test-support/blocks.js";
import { itemBytes, LedgerModel } from "../test-support/ledger-model.js";
import { TestStore } from "../test-support/test-store.js";
import { checkGeneration } from "./fsck.js";
import { pruneStep, raiseOldest } from "./prune-step.js";
import { SHARDS } from "./schema.js";

const KEYS = 60;
const BLOCKS = 40;

/** Compares the state at a version, key by key and as a walk. */
function compareState(store: TestStore, model: LedgerModel, version: number): void {
  const expected = model.states[version] ?? new Map<string, Buffer>();
  for (let key = 0; key < KEYS; key++) {
    const name = Buffer.from(`key ${key}`);
    const row = store.reader.row(sha256(name), BigInt(version));
    const value = row === null ? undefined : decodeStateItem(row).value;
    const want = expected.get(name.toString("hex"));
    assert.deepEqual(value && Buffer.from(value), want, `key ${key} at ${version}`);
  }
  const walked = new Map<string, Buffer>();
  let after: Buffer | null = null;
  let previous: Buffer = Buffer.alloc(0);
  do {
    after = store.reader.itemsBehind(after, BigInt(version), 20, (keyHash, item) => {
      assert.ok(previous.compare(keyHash) < 0, "the walk ascends");
      previous = Buffer.from(keyHash);
      const { key, value } = decodeStateItem(item);
      walked.set(Buffer.from(key).toString("hex"), Buffer.from(value));
      return walked.size % 7 !== 0;
    });
  } while (after !== null);
  assert.deepEqual(new Map([...walked].sort()), new Map([...expected].sort()), `at ${version}`);
}

function compareCheckpoint(store: TestStore, model: LedgerModel, version: number): void {
  const checkpoint = store.reader.checkpoint(BigInt(version));
  const state = model.states[version];
  assert.ok(checkpoint !== null && state !== undefined, `checkpoint ${version}`);
  assert.deepEqual(checkpoint.stateRoot, model.stateRoot(version), `state root at ${version}`);
  assert.equal(checkpoint.items, BigInt(state.size));
  const bytes = [...state].reduce((sum, [key, value]) => sum + itemBytes(key, value), 0);
  assert.equal(checkpoint.bytes, BigInt(bytes));
  const entries = model.changes.slice(0, version + 1).reduce((sum, { size }) => sum + size, 0);
  assert.equal(checkpoint.journalEntries, BigInt(entries), `journal entries at ${version}`);
  const { info, logSiblings } = proveRoot(store.reader, BigInt(version));
  assert.deepEqual(stateRootProofLogRoot(info, logSiblings), model.logRoot(version));
}

function compareJournal(store: TestStore, model: LedgerModel, after: number): void {
  const found = new Map<string, string>();
  const to = BigInt(model.version);
  for (let shard = 0; shard < SHARDS; shard++) {
    store.reader.journal(shard, BigInt(after), to, Buffer.alloc(32), null, (keyHash, old, at) => {
      assert.equal((keyHash[0] ?? 0) >> 4, shard);
      found.set(`${at} ${keyHash.toString("hex")}`, old?.toString("hex") ?? "absent");
      return true;
    });
  }
  const expected = new Map<string, string>();
  for (let version = after + 1; version <= model.version; version++) {
    for (const [key, old] of model.changes[version] ?? []) {
      const keyHash = sha256(Buffer.from(key, "hex")).toString("hex");
      expected.set(`${version} ${keyHash}`, old === null ? "absent" : sha256(old).toString("hex"));
    }
  }
  assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
}

function assertClean(store: TestStore): void {
  const findings = checkGeneration(store.env);
  assert.deepEqual(findings.list, [], "fsck is clean");
}

for (const seed of [11, 12, 13]) {
  test(`random blocks against the model, then pruned (seed ${seed})`, async () => {
    await using store = await TestStore.open();
    const random = new SeededRandom(seed);
    const model = new LedgerModel();
    for (let block = 0; block < BLOCKS; block++) {
      // The wall clock may go back; ledger time must not.
      store.nowUs += BigInt(random.int(2_000)) - 500n;
      const transactions = randomBlock(random, KEYS);
      const answer = store.prepare(transactions);
      model.commit(transactions, answer.commitTimeUs);
      assert.equal(answer.committedVersion, BigInt(model.version));
      assert.deepEqual(answer.stateRoot, model.stateRoot(model.version), `block ${block}`);
      assert.deepEqual(answer.logRoot, model.logRoot(model.version), `block ${block}`);
      if (random.chance(0.4)) store.flush(1 + random.int(store.ahead));
      if (random.chance(0.1)) {
        store.flush();
        await store.reopen();
      }
    }
    store.flush();
    store.reader.refresh();
    assert.equal(store.reader.meta().committed, BigInt(model.version));
    let timeUs = 0n;
    for (let version = 0; version <= model.version; version++) {
      compareState(store, model, version);
      const info = store.reader.info(BigInt(version));
      assert.ok(info !== null && info.commitTimeUs >= timeUs);
      timeUs = info.commitTimeUs;
      assert.deepEqual(encodeTransactionInfo(info), model.infos[version], `info ${version}`);
    }
    for (const version of model.checkpoints) compareCheckpoint(store, model, version);
    compareJournal(store, model, 0);
    store.reader.release();
    assertClean(store);
    prune(store, model, random);
  });
}

/** Raises the oldest versions step by step up to the newest. */
function prune(store: TestStore, model: LedgerModel, random: SeededRandom): void {
  let state = 0;
  let transaction = 0;
  let journal = 0;
  for (let round = 0; round < 5; round++) {
    const raised = (from: number): number =>
      round === 4 ? model.version : from + random.int(model.version - from + 1);
    state = raised(state);
    transaction = raised(transaction);
    journal = raised(journal);
    raiseOldest(store.env, {
      state: BigInt(state),
      transaction: BigInt(transaction),
      journal: BigInt(journal),
    });
    while (pruneStep(store.env) > 0);
    store.reader.refresh();
    for (let version = state; version <= model.version; version++) {
      compareState(store, model, version);
      if (model.checkpoints.includes(version)) compareCheckpoint(store, model, version);
    }
    for (let version = 0; version <= model.version; version++) {
      assert.notEqual(store.reader.info(BigInt(version)), null, "infos are never pruned");
      const isKept = store.reader.transaction(BigInt(version)) !== null;
      assert.equal(isKept, version >= transaction, `transaction ${version}`);
    }
    compareJournal(store, model, journal);
    store.reader.release();
    assertClean(store);
  }
  // At the newest version alone, nothing is left that it does not need.
  const count = (databases: readonly { getKeysCount(o: object): number }[]): number =>
    databases.reduce((sum, database) => sum + database.getKeysCount({}), 0);
  assert.equal(count(store.env.state), model.states.at(-1)?.size, "one row for each key");
  assert.equal(count(store.env.journal), 0);
  assert.equal(count(store.env.stale), 0);
  assert.equal(count([store.env.checkpoints]), 1);
  assert.equal(count(store.env.nodes), reachableNodes(store), "only nodes that are reached");
}

function reachableNodes(store: TestStore): number {
  store.reader.refresh();
  const { committed } = store.reader.meta();
  const root = committed === null ? null : store.reader.checkpoint(committed)?.root;
  assert.ok(root !== null && root !== undefined);
  const walk = (path: string, node: typeof root): number =>
    node.slots().reduce((sum, slot, index) => {
      if (slot.kind !== "inner") return sum;
      const below = path + index.toString(16);
      return sum + 1 + walk(below, store.reader.node(slot.version, below));
    }, 0);
  const nodes = walk("", root);
  store.reader.release();
  return nodes;
}

test("a block that changes nothing is a checkpoint with the same root", async () => {
  await using store = await TestStore.open();
  const first = store.commit([transactionOf({ a: "1", b: "2" })]);
  const same = store.commit([transactionOf({ a: "1", absent: null }), transactionOf({})]);
  assert.equal(same.committedVersion, 2n);
  assert.deepEqual(same.stateRoot, first.stateRoot);
  assert.notDeepEqual(same.logRoot, first.logRoot);
  // There and back within one block: rows and entries, but the tree stays.
  const back = store.commit([transactionOf({ a: "x" }), transactionOf({ a: "1" })]);
  assert.deepEqual(back.stateRoot, first.stateRoot);
  store.reader.refresh();
  assert.equal(store.reader.checkpoint(2n)?.journalEntries, 2n);
  assert.equal(store.reader.checkpoint(4n)?.journalEntries, 4n);
  assert.equal(store.reader.checkpoint(1n), null);
  assert.deepEqual(store.reader.checkpointsAround(1n), { before: 0n, after: 2n });
  store.reader.release();
  assertClean(store);
});

test("an emptied store has the root of an empty tree and goes on", async () => {
  await using store = await TestStore.open();
  store.commit([transactionOf({ a: "1", b: "2", c: "3" })]);
  const empty = store.commit([transactionOf({ a: null, b: null, c: null })]);
  assert.equal(empty.stateRoot.toString(), "SPARSE_MERKLE_PLACEHOLDER_HASH__");
  assertClean(store);
  await store.reopen();
  const again = store.commit([transactionOf({ a: "1" })]);
  assert.equal(again.firstVersion, 2n);
  assertClean(store);
});
