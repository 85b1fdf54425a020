// Goal: pruning keeps what windows, callers and leases ask for, and raises `oldest` before the
// first row goes, inside the section in which leases are granted.
// Method: a store that records the order of what is done to it.
import { strict as assert } from "node:assert";
import test from "node:test";
import type { Oldest, Pinned, Pruned, PruneStore, Windows } from "./pruner.js";
import { Pruner } from "./pruner.js";

class RecordedStore implements PruneStore {
  readonly done: string[] = [];
  oldest: Oldest = { state: 0n, transaction: 0n, journal: 0n };
  committed: bigint | null = 100n;
  rows = 2;

  standing(): ReturnType<PruneStore["standing"]> {
    return this.committed === null ? null : { committed: this.committed, oldest: this.oldest };
  }

  async raise(oldest: Oldest): Promise<void> {
    this.done.push("raise");
    this.oldest = oldest;
  }

  async removeSome(): Promise<number> {
    this.done.push("remove");
    this.rows -= 1;
    return this.rows < 0 ? 0 : 10;
  }
}

const KEEP_ALL: Windows = { stateVersions: 0n, ledgerVersions: 0n, journalVersions: 0n };

function prunerOf(store: RecordedStore, pinned: Pinned = {}, windows: Windows = KEEP_ALL): Pruner {
  const pins = {
    oldestPinned: () => pinned,
    exclusive: async () => {
      store.done.push("enter");
      return () => void store.done.push("leave");
    },
  };
  return new Pruner(store, pins, windows);
}

const ASK = { state: null, transaction: null, journal: null };

test("raises in the critical section, then removes until nothing is left", async () => {
  const store = new RecordedStore();
  const pruned = await prunerOf(store).prune({ ...ASK, state: 40n });
  assert.deepEqual(store.done, ["enter", "raise", "leave", "remove", "remove", "remove"]);
  const expected: Pruned = {
    oldest: { state: 40n, transaction: 0n, journal: 0n },
    rowsRemoved: 20,
    limitedByLease: false,
  };
  assert.deepEqual(pruned, expected);
});

test("nothing is raised when nothing rises; what was left behind still goes", async () => {
  const store = new RecordedStore();
  store.oldest = { state: 50n, transaction: 0n, journal: 0n };
  const pruned = await prunerOf(store).prune({ ...ASK, state: 10n });
  assert.deepEqual(store.done, ["enter", "leave", "remove", "remove", "remove"]);
  assert.equal(pruned.oldest.state, 50n, "oldest never falls");
});

test("windows", async () => {
  const store = new RecordedStore();
  const windows = { stateVersions: 30n, ledgerVersions: 100n, journalVersions: 1_000n };
  const { oldest } = await prunerOf(store, {}, windows).prune();
  assert.deepEqual(oldest, { state: 70n, transaction: 1n, journal: 0n });
});

test("leases limit each kind by itself", async () => {
  const all = { state: 90n, transaction: 90n, journal: 90n };
  const cases: readonly (readonly [Pinned, Oldest, boolean])[] = [
    [{}, all, false],
    [{ state: 95n }, all, false],
    [{ state: 20n }, { ...all, state: 20n }, true],
    [{ ledger: 0n }, { ...all, transaction: 0n }, true],
    [{ journal: 89n }, { ...all, journal: 89n }, true],
    [{ state: 0n, ledger: 0n, journal: 0n }, { state: 0n, transaction: 0n, journal: 0n }, true],
  ];
  for (const [pinned, oldest, limited] of cases) {
    const pruned = await prunerOf(new RecordedStore(), pinned).prune(all);
    assert.deepEqual(pruned.oldest, oldest);
    assert.equal(pruned.limitedByLease, limited);
  }
});

test("more than there is cannot be asked for", async () => {
  const store = new RecordedStore();
  const pruner = prunerOf(store);
  const beyond = { reason: "VERSION_NOT_COMMITTED" };
  await assert.rejects(pruner.prune({ ...ASK, state: 101n }), beyond);
  await assert.rejects(pruner.prune({ ...ASK, journal: 101n }), beyond);
  await assert.rejects(pruner.prune({ ...ASK, transaction: 102n }), beyond);
  assert.equal((await pruner.prune({ ...ASK, transaction: 101n })).oldest.transaction, 101n);
  store.committed = null;
  await assert.rejects(pruner.prune(), { reason: "STORE_EMPTY" });
  const entered = store.done.filter((step) => step === "enter").length;
  const left = store.done.filter((step) => step === "leave").length;
  assert.equal(entered, left, "the critical section is left however it ends");
});

test("ends between two steps when its caller goes; oldest stays raised", async () => {
  const store = new RecordedStore();
  const gone = new AbortController();
  store.rows = 1_000;
  const remove = store.removeSome.bind(store);
  store.removeSome = () => {
    if (store.rows === 998) gone.abort(new Error("gone"));
    return remove();
  };
  await assert.rejects(prunerOf(store).prune({ ...ASK, state: 5n }, gone.signal), /gone/);
  assert.equal(store.oldest.state, 5n);
  assert.ok(store.rows > 990);
});
