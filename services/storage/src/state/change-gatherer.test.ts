// Goal: gathering finds exactly the keys that differ, in bounded memory, however many passes and
// slices it takes, and whatever was written and undone in between.
// Method: a journal in memory over chosen key hashes; every state goes through a structured clone,
// as between threads.
import { strict as assert } from "node:assert";
import test from "node:test";
import { SeededRandom } from "@holdfast/testing";
import { ChangeGatherer, type JournalWalk } from "./change-gatherer.js";
import { type ChangedKey, ChangedKeys } from "./changed-keys.js";
import { changesOf, type GatheredChanges, nothingGathered } from "./gathered-changes.js";
import { PhysicalNode } from "./physical-node.js";
import { updateTree } from "./tree-update.js";
import { TreeView } from "./tree-view.js";

interface Entry {
  readonly version: bigint;
  readonly keyHash: Buffer;
  readonly old: Buffer | null;
}

/** Most keys a walk holds: twice what it keeps. */
const KEYS_MAX = 8_192;

function journalOf(entries: readonly Entry[]): JournalWalk {
  const inOrder = [...entries].sort(
    (a, b) => Number(a.version - b.version) || Buffer.compare(a.keyHash, b.keyHash),
  );
  return {
    walk(shard, { after, to }, start, entriesMax, visitor) {
      let looked = 0;
      let version = after;
      for (const entry of inOrder) {
        if (entry.version <= after || entry.version > to) continue;
        if ((entry.keyHash[0] ?? 0) >> 4 !== shard) continue;
        if (entry.version !== version && looked >= entriesMax)
          return { stoppedAt: version, looked };
        version = entry.version;
        looked++;
        const text = entry.keyHash.toString("latin1");
        if (entry.keyHash.compare(start) < 0) continue;
        if (visitor.end !== null && text >= visitor.end) continue;
        visitor.entry(text, entry.old?.toString("latin1") ?? "", entry.version);
      }
      return { stoppedAt: null, looked };
    },
  };
}

function viewOf(state: ReadonlyMap<string, Buffer>): TreeView {
  const nodes = new Map<string, PhysicalNode>();
  const writes = [...state].sort().map(([hex, valueHash]) => {
    const keyHash = Buffer.from(hex, "hex");
    return { keyHash, settle: () => ({ kind: "leaf", keyHash, valueHash, bytes: 9 }) as const };
  });
  const root = updateTree(PhysicalNode.EMPTY, 1n, writes, {
    pending: () => null,
    load: () => assert.fail("nothing is there before"),
    written: (path, node) => nodes.set(path, node),
    replaced: () => assert.fail("nothing is there before"),
  });
  return new TreeView(root, (_version, path) => nodes.get(path) ?? assert.fail(path));
}

function gatherAll(gatherer: ChangeGatherer, entriesMax: number): ChangedKeys {
  let gathered: GatheredChanges = nothingGathered(Buffer.alloc(32));
  let steps = 0;
  while (gathered.coveredTo !== null) {
    assert.ok(++steps < 2_000, "gathering ends");
    gathered = structuredClone(gatherer.step(gathered, entriesMax).gathered);
    assert.ok((gathered.pass?.written.size ?? 0) < KEYS_MAX, "memory is bounded");
  }
  return changesOf(gathered);
}

const seed = SeededRandom.seedFromEnvironment();

test(`random histories in slices of any size (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 6; round++) {
    const keys = Array.from({ length: 60 }, () => random.bytes(32));
    const hashes = Array.from({ length: 3 }, () => random.bytes(32));
    const state = new Map<string, Buffer>();
    const entries: Entry[] = [];
    let from = state;
    for (let version = 1n; version <= 30n; version++) {
      if (version === 11n) from = new Map(state);
      for (const keyHash of random.shuffle(keys).slice(0, random.int(20))) {
        const hex = keyHash.toString("hex");
        const value = random.chance(0.4) ? null : random.pick(hashes);
        const old = state.get(hex) ?? null;
        if (value === null ? old === null : old?.equals(value)) continue;
        entries.push({ version, keyHash, old });
        if (value === null) state.delete(hex);
        else state.set(hex, value);
      }
    }
    const later = viewOf(state);
    const expected = keys
      .map((keyHash) => keyHash.toString("hex"))
      .sort()
      .flatMap((hex) => {
        const [before, after] = [from.get(hex) ?? null, state.get(hex) ?? null];
        if (before === null ? after === null : after?.equals(before)) return [];
        const kind = after === null ? "deleted" : before === null ? "added" : "overwritten";
        const last = entries.findLast((entry) => entry.keyHash.toString("hex") === hex);
        return [[hex, kind, before?.toString("hex") ?? null, last?.version]];
      });
    for (const slice of [1, 7, 1_000_000]) {
      const gatherer = new ChangeGatherer(
        { after: 10n, to: 30n },
        { journal: journalOf(entries), later },
      );
      const found = gatherAll(gatherer, slice);
      assert.deepEqual(
        Array.from({ length: found.count }, (_, index) => [
          found.keyHash(index).toString("hex"),
          found.kind(index),
          found.oldValueHash(index)?.toString("hex") ?? null,
          found.version(index),
        ]),
        expected,
      );
    }
  }
});

test("more changes in a shard than a walk holds", () => {
  const random = new SeededRandom(4);
  const entries: Entry[] = [];
  for (let version = 1n; version <= 50n; version++) {
    for (let n = 0; n < 500; n++) {
      const keyHash = random.bytes(32);
      keyHash[0] = 0x30 | (random.int(256) & 0x0f);
      entries.push({ version, keyHash, old: random.bytes(32) });
      // Written again later: only the first old value counts.
      entries.push({ version: version + 50n, keyHash, old: random.bytes(32) });
    }
  }
  const gatherer = new ChangeGatherer(
    { after: 0n, to: 100n },
    { journal: journalOf(entries), later: viewOf(new Map()) },
  );
  const found = gatherAll(gatherer, 6_000);
  const expected = entries
    .filter(({ version }) => version <= 50n)
    .sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
  assert.equal(found.count, 25_000);
  for (const [index, { keyHash, old }] of expected.entries()) {
    assert.ok(found.keyHash(index).equals(keyHash));
    assert.equal(found.kind(index), "deleted");
    assert.deepEqual(found.oldValueHash(index), old);
  }
});

test("changed keys are found and counted by range", () => {
  const keyOf = (first: number): Buffer => Buffer.alloc(32, first);
  const some: ChangedKey[] = [
    { keyHash: keyOf(1), kind: "added", oldValueHash: null, newValueHash: keyOf(2), version: 1n },
    { keyHash: keyOf(3), kind: "deleted", oldValueHash: keyOf(9), newValueHash: null, version: 1n },
    {
      keyHash: keyOf(5),
      kind: "overwritten",
      oldValueHash: keyOf(8),
      newValueHash: keyOf(6),
      version: 1n,
    },
    { keyHash: keyOf(7), kind: "deleted", oldValueHash: keyOf(7), newValueHash: null, version: 1n },
  ];
  const changes = ChangedKeys.NONE.followedBy(some.slice(0, 2)).followedBy(some.slice(2));
  assert.equal(changes.count, 4);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 8].map((first) => changes.indexOf(keyOf(first))),
    [0, 0, 1, 1, 2, 4],
  );
  assert.equal(changes.indexOf(null), 4);
  // The second nibbles are 1, 3, 5, 7.
  assert.deepEqual(
    [0, 1, 4, 7].map((nibble) => changes.behindNibble(1, nibble, 0, 4)),
    [0, 1, 2, 4],
  );
  assert.equal(changes.behindNibble(1, 7, 1, 3), 3);
  assert.equal(changes.deletedIn(0, 4), 2);
  assert.equal(changes.deletedIn(2, 4), 1);
  assert.equal(changes.deletedIn(2, 3), 0);
  const rest = changes.from(2);
  assert.equal(rest.count, 2);
  assert.equal(rest.kind(0), "overwritten");
});
