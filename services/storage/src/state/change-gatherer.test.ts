// Goal: gathering finds exactly the keys that differ, in bounded memory, however many passes and
// slices it takes, and whatever was written and undone in between.
// Method: a journal in memory over chosen key hashes; every state goes through a structured clone,
// as between threads.
import { strict as assert } from "node:assert";
import test from "node:test";
import { type HashPlace, pathOf } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { ChangeGatherer } from "./change-gatherer.js";
import { ChangedKeys, ENTRY_BYTES } from "./changed-keys.js";
import {
  afterSending,
  changesOf,
  type GatheredChanges,
  memoryOf,
  nothingGathered,
} from "./gathered-changes.js";
import type { JournalWalk } from "./journal-walk.js";
import { PhysicalNode } from "./physical-node.js";
import { updateTree } from "./tree-update.js";
import { TreeView } from "./tree-view.js";
import { WrittenKeys } from "./written-keys.js";

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
        const { keyHash, old } = entry;
        if (keyHash.compare(start) < 0) continue;
        if (visitor.end !== null && keyHash.compare(visitor.end) >= 0) continue;
        visitor.entry({ keyHash, oldValueHash: old, version });
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
  return new TreeView(root, (_version, position, nibbles) => {
    const path = pathOf(position, nibbles);
    return nodes.get(path) ?? assert.fail(path);
  });
}

function gatherAll(gatherer: ChangeGatherer, entriesMax: number): ChangedKeys {
  let gathered: GatheredChanges = nothingGathered(Buffer.alloc(32));
  let steps = 0;
  while (gathered.coveredTo !== null) {
    assert.ok(++steps < 2_000, "gathering ends");
    gathered = structuredClone(gatherer.step(gathered, entriesMax).gathered);
    const written = gathered.pass?.written.byteLength ?? 0;
    assert.ok(written < KEYS_MAX * ENTRY_BYTES, "memory is bounded");
  }
  return changesOf(gathered);
}

const seed = SeededRandom.seedFromEnvironment();

function hashAt(place: HashPlace | null): Buffer | null {
  return place === null ? null : place.bytes.subarray(place.at, place.at + 32);
}

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
      const gatherer = new ChangeGatherer({ after: 10n, to: 30n }, { journal: journalOf(entries) });
      const found = gatherAll(gatherer, slice);
      found.compare(0, found.count, later);
      const indexes = Array.from({ length: found.count }, (_, index) => index);
      const changed = indexes.filter((index) => found.kind(index) !== "unchanged");
      assert.deepEqual(
        changed.map((index) => [
          found.keyHash(index).toString("hex"),
          found.kind(index),
          hashAt(found.oldValueHash(index))?.toString("hex") ?? null,
          found.version(index),
        ]),
        expected,
      );
      for (const index of changed) {
        const valueHash = state.get(found.keyHash(index).toString("hex"));
        assert.equal(found.kind(index) === "deleted", valueHash === undefined);
        if (valueHash !== undefined) assert.deepEqual(hashAt(found.newValueHash(index)), valueHash);
      }
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
  const gatherer = new ChangeGatherer({ after: 0n, to: 100n }, { journal: journalOf(entries) });
  const found = gatherAll(gatherer, 6_000);
  found.compare(0, found.count, viewOf(new Map()));
  const expected = entries
    .filter(({ version }) => version <= 50n)
    .sort((a, b) => Buffer.compare(a.keyHash, b.keyHash));
  assert.equal(found.count, 25_000);
  for (const [index, { keyHash, old }] of expected.entries()) {
    assert.ok(found.keyHash(index).equals(keyHash));
    assert.equal(found.kind(index), "deleted");
    assert.deepEqual(hashAt(found.oldValueHash(index)), old);
  }
});

test("changed keys are found and counted by range", () => {
  const hashOf = (first: number): Buffer => Buffer.alloc(32, first);
  const written = new WrittenKeys(ChangedKeys.NONE, null);
  for (const first of [7, 3, 5, 1]) {
    const oldValueHash = first === 1 ? null : hashOf(first + 1);
    written.entry({ keyHash: hashOf(first), oldValueHash, version: 1n });
  }
  const changes = ChangedKeys.NONE.followedBy(written.ascending());
  assert.equal(changes.count, 4);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 8].map((first) => changes.indexOf(hashOf(first))),
    [0, 0, 1, 1, 2, 4],
  );
  assert.equal(changes.indexOf(null), 4);
  // The second nibbles are 1, 3, 5, 7.
  assert.deepEqual(
    [0, 1, 4, 7].map((nibble) => changes.behindNibble(1, nibble, 0, 4)),
    [0, 1, 2, 4],
  );
  assert.equal(changes.behindNibble(1, 7, 1, 3), 3);
  const valueHashes: Readonly<Record<number, number>> = { 1: 9, 5: 6 };
  changes.compare(0, 4, {
    locateLeaf(keyHash) {
      const value = valueHashes[keyHash[0] ?? 0];
      return value === undefined
        ? null
        : { kind: "leaf", bytes: Buffer.concat([keyHash, hashOf(value)]), at: 0 };
    },
  });
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => changes.kind(index)),
    ["added", "deleted", "unchanged", "deleted"],
  );
  assert.deepEqual(changes.differences(0, 4), { changed: 3, deleted: 2 });
  assert.deepEqual(changes.differences(2, 3), { changed: 0, deleted: 0 });
  const all = { changes: memoryOf(changes), sent: 0, coveredTo: null, pass: null };
  const rest = changesOf(afterSending(all, 2));
  assert.equal(rest.count, 2);
  assert.equal(rest.kind(0), "unchanged");
  assert.throws(() => written.ascending().kind(0), /not compared/);
});

test("key hashes that begin alike are kept apart", () => {
  const random = new SeededRandom(6);
  const keys = Array.from({ length: 40 }, (_, index) => Buffer.alloc(32, 7).fill(index, 25));
  const written = new WrittenKeys(ChangedKeys.NONE, null);
  for (const version of [1n, 2n]) {
    for (const keyHash of random.shuffle(keys)) {
      written.entry({ keyHash, oldValueHash: Buffer.alloc(32, Number(version)), version });
    }
  }
  const found = written.ascending();
  assert.deepEqual(
    Array.from({ length: found.count }, (_, index) => [
      found.keyHash(index),
      hashAt(found.oldValueHash(index))?.[0],
      found.version(index),
    ]),
    keys.map((keyHash) => [keyHash, 1, 2n]),
  );
});
