// Goal: a restore gives the source's state, proved, or nothing; the live store is untouched until
// publish; a stale holder changes nothing; a killed process loses nothing acknowledged.
// Method: a ledger model that shares no code with the product is backed up by the test itself and
// restored over real sockets into a real data directory.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { restore, storage, type types } from "@holdfast/api";
import { HoldfastError, limits, type Reason } from "@holdfast/core";
import { EMPTY_HASH, sha256, verifyStateProof } from "@holdfast/merkle";
import { callUnary } from "@holdfast/rpc";
import { SeededRandom, temporaryDirectory, until } from "@holdfast/testing";
import { checkGeneration } from "./engine/fsck.js";
import { openGenerationForCheck } from "./engine/generation-env.js";
import { encodeBlock, randomBlock } from "./test-support/blocks.js";
import { LedgerModel, type ModelTransaction } from "./test-support/ledger-model.js";
import { type BackupTile, backupOf, idOf, type ModelBackup } from "./test-support/model-backup.js";
import { RestoreJob } from "./test-support/restore-job.js";
import {
  type RunningStorage,
  type StorageClients,
  spawnStorage,
  startStorage,
} from "./test-support/running-storage.js";

const seed = SeededRandom.seedFromEnvironment();
const IDENTITY = {
  ledgerId: idOf("ledger"),
  histories: [{ historyId: idOf("genesis"), forkVersion: undefined }],
};

function modelOf(random: SeededRandom, blocks: number, keys = 300): LedgerModel {
  const model = new LedgerModel();
  for (let i = 0; i < blocks; i++) model.commit(randomBlock(random, keys), BigInt(1_000 + i));
  return model;
}

function newest(model: LedgerModel, tileItemsMax = 20): ModelBackup {
  return backupOf(model, model.version, tileItemsMax, IDENTITY);
}

function reason(expected: Reason): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.reason, expected, error.message);
    return true;
  };
}

async function commit(clients: StorageClients, block: readonly ModelTransaction[]) {
  const client = clients.storage;
  const request = storage.CommitBlockRequest.decode(encodeBlock(block));
  return await callUnary(client.commitBlock.bind(client), request, {
    signal: new AbortController().signal,
    timeoutMs: 30_000,
  });
}

/** Every item is there, with a proof to the root, and nothing else is. */
async function checkState(clients: StorageClients, state: types.DbState, backup: ModelBackup) {
  const client = clients.storage;
  const call = { signal: new AbortController().signal, timeoutMs: 30_000 };
  assert.deepEqual(state.stateRoot, backup.stateRoot);
  assert.equal(state.items, BigInt(backup.items.length));
  assert.equal(state.bytes, backup.bytes);
  for (const { key, value, keyHash } of backup.items) {
    const answer = await callUnary(
      client.getState.bind(client),
      { key, version: undefined, withProof: true, proofFormat: storage.ProofFormat.UNSPECIFIED },
      call,
    );
    assert.deepEqual(answer.value ?? null, value);
    const proof = answer.stateProof;
    assert.ok(proof !== undefined);
    const nodeOf = (node: types.TreeNode) => {
      const kind = node.kind;
      if (kind?.$case === "leaf") return { kind: "leaf", ...kind.value } as const;
      if (kind?.$case === "inner") return { kind: "inner", hash: kind.value } as const;
      return { kind: "empty" } as const;
    };
    const siblings = proof.siblings.map(nodeOf);
    const met = proof.met === undefined ? ({ kind: "empty" } as const) : nodeOf(proof.met);
    verifyStateProof(backup.stateRoot, keyHash, sha256(value), { siblings, met });
  }
  let listed = 0;
  for (let pageToken = ""; ; ) {
    const page = await callUnary(
      client.listState.bind(client),
      { version: undefined, pageSize: 100, pageToken },
      call,
    );
    listed += page.items.length;
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.equal(listed, backup.items.length);
}

function generationsOf({ dataDir }: RunningStorage): string[] {
  return readdirSync(join(dataDir, "generations")).sort();
}

async function restoreAll(store: RunningStorage, backup: ModelBackup): Promise<RestoreJob> {
  const job = new RestoreJob(store);
  await job.acquire();
  await job.begin(backup, { replace: true });
  await job.upload(backup.tiles);
  await job.finish();
  return job;
}

for (const [blocks, keys, tileItemsMax] of [
  [1, 3, 1],
  [20, 60, 4],
  [60, 700, 20],
] as const) {
  test(`random states are restored, ${blocks} blocks, seed ${seed}`, async () => {
    await using folder = await temporaryDirectory();
    await using store = await startStorage(folder.path);
    const random = new SeededRandom(seed + blocks);
    const model = modelOf(random, blocks, keys);
    const backup = newest(model, tileItemsMax);
    const job = new RestoreJob(store);
    await job.acquire();
    const begun = await job.begin(backup);
    assert.equal(begun.adopted, false);
    // In any order, in parallel.
    const tiles = random.shuffle(backup.tiles);
    const third = Math.ceil(tiles.length / 3);
    await Promise.all([0, 1, 2].map((i) => job.upload(tiles.slice(i * third, (i + 1) * third))));
    const state = await job.finish();
    assert.deepEqual(await job.dbState(), state);
    assert.equal(state.committedVersion, backup.version);
    assert.deepEqual(state.logRoot, model.logRoot(model.version));
    assert.deepEqual(state.ledgerId, IDENTITY.ledgerId);
    assert.equal(state.histories.length, 2);
    assert.equal(state.histories[0]?.forkVersion, backup.version);
    assert.deepEqual(state.histories[1]?.historyId, IDENTITY.histories[0]?.historyId);
    assert.equal(state.oldestStateVersion, backup.version);
    assert.equal(state.oldestTransactionVersion, backup.version + 1n);
    await checkState(store, state, backup);

    // The log goes on as if nothing had happened, and so does the tree.
    for (let i = 0; i < 5; i++) {
      const block = randomBlock(random, keys);
      const answer = await commit(store, block);
      const { seconds, nanos } = answer.commitTime ?? { seconds: 0n, nanos: 0 };
      model.commit(block, seconds * 1_000_000n + BigInt(nanos / 1_000));
      const after = await job.dbState();
      assert.deepEqual(after.stateRoot, model.stateRoot(model.version), `block ${i}`);
      assert.deepEqual(after.logRoot, model.logRoot(model.version), `block ${i}`);
    }
    await until(() => generationsOf(store).length === 1, "the old generation is removed");
  });
}

test("fsck finds nothing in a restored store, nor after blocks on top of it", async () => {
  await using folder = await temporaryDirectory();
  const random = new SeededRandom(seed);
  let path = "";
  {
    await using store = await startStorage(folder.path);
    const backup = newest(modelOf(random, 60, 700));
    await restoreAll(store, backup);
    await until(() => generationsOf(store).length === 1, "the old generation is removed");
    path = join(folder.path, "generations", generationsOf(store)[0] ?? "");
    for (let i = 0; i < 5; i++) await commit(store, randomBlock(random, 700));
  }
  const env = openGenerationForCheck(path);
  assert.deepEqual(checkGeneration(env).list, []);
  await env.close();
});

test("an empty state is restored", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const model = new LedgerModel();
  model.commit([{ payload: Buffer.from("p"), writes: [], events: [] }], 7n);
  const backup = newest(model);
  assert.equal(backup.tiles.length, 0);
  const job = await restoreAll(store, backup);
  const state = await job.dbState();
  assert.deepEqual(state.stateRoot, EMPTY_HASH);
  assert.equal(state.committedVersion, 0n);
});

test("what is not the plan's is refused, and the live store is untouched", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const random = new SeededRandom(seed);
  await commit(store, randomBlock(random, 20));
  const model = modelOf(random, 20);
  const backup = newest(model);
  const job = new RestoreJob(store);
  const live = await job.dbState();
  await job.acquire();
  const other = { ...backup, ledgerId: live.ledgerId };
  await job.begin(other, { replace: true });
  const [first, second] = backup.tiles;
  assert.ok(first !== undefined && second !== undefined);

  // Another tile's body, a flipped byte, a path that is not the plan's, an unfinished tile.
  const flipped = Buffer.from(first.body);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const wrong: readonly Pick<BackupTile, "path" | "body">[][] = [
    [{ path: first.path, body: second.body }],
    [{ path: first.path, body: flipped }],
    [{ path: `${first.path}0`, body: first.body }],
    [second, { path: first.path, body: first.body.subarray(0, 10) }],
  ];
  for (const tiles of wrong) await assert.rejects(job.upload(tiles), reason("PROOF_INVALID"));
  await assert.rejects(job.upload([{ path: "xyz", body: first.body }]), reason("INVALID_REQUEST"));

  const incomplete = await job.finish().catch((error: unknown) => error);
  assert.ok(reason("RESTORE_INCOMPLETE")(incomplete));
  assert.deepEqual(await job.dbState(), live);
  assert.deepEqual((await job.upload(backup.tiles)).tilesDone, BigInt(backup.tiles.length));
  assert.deepEqual(await job.dbState(), live, "until publish, nothing is seen");
  const again = await job.upload([first]);
  assert.equal(again.tilesWritten, 0n, "a tile that is there is not counted");

  await job.abort();
  await job.abort();
  await assert.rejects(job.upload([first]), reason("SESSION_UNKNOWN"));
  assert.deepEqual(generationsOf(store), ["1"]);
  await job.release();
  await commit(store, randomBlock(random, 20));
});

test("a plan that does not hold together is refused", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const backup = newest(modelOf(new SeededRandom(seed), 10));
  const job = new RestoreJob(store);
  await job.acquire();
  const [first, ...others] = backup.tiles;
  const last = backup.tiles.at(-1);
  assert.ok(first !== undefined && last !== undefined);
  const withTiles = (tiles: readonly BackupTile[]): ModelBackup => ({ ...backup, tiles });
  const invalid = reason("PROOF_INVALID");
  await assert.rejects(job.begin(withTiles(others)), invalid, "a missing tile");
  await assert.rejects(job.begin(withTiles([last, ...others, first])), invalid, "out of order");
  await assert.rejects(job.begin(backup, { tileCount: 1n }), invalid, "more than announced");
  await assert.rejects(job.begin(backup, { items: backup.bytes }), invalid, "another count");
  const info = backup.rootProof.info;
  assert.ok(info !== undefined);
  const otherRoot = { ...backup.rootProof, info: { ...info, stateRoot: EMPTY_HASH } };
  await assert.rejects(job.begin(backup, { rootProof: otherRoot }), invalid);
  const noRoot = { ...backup.rootProof, info: { ...info, stateRoot: undefined } };
  await assert.rejects(job.begin(backup, { rootProof: noRoot }), invalid);
  const short = { ...backup.rootProof, logSiblings: backup.rootProof.logSiblings.slice(1) };
  await assert.rejects(job.begin(backup, { rootProof: short }), invalid);
  await assert.rejects(job.begin(backup, { histories: [] }), reason("INVALID_REQUEST"));
  const link = { historyId: idOf("h"), forkVersion: 0n };
  const histories = [...new Array(4_096).fill(link), ...IDENTITY.histories];
  await assert.rejects(job.begin(backup, { histories }), reason("INVALID_REQUEST"));
  await assert.rejects(job.begin(backup, { bytes: 2n ** 52n }), reason("DISK_LOW"));
  assert.deepEqual(generationsOf(store), ["1"], "nothing is left behind");
  await job.begin(backup);
});

test("a stale token is fenced on every call, and the next holder adopts the restore", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const backup = newest(modelOf(new SeededRandom(seed), 30));
  const half = Math.floor(backup.tiles.length / 2);
  const stale = new RestoreJob(store);
  await stale.acquire();
  await stale.begin(backup);
  await stale.upload(backup.tiles.slice(0, half));
  await stale.release();
  await assert.rejects(stale.upload(backup.tiles), reason("LEASE_RELEASED"));

  const next = new RestoreJob(store);
  await next.acquire();
  assert.ok(next.token > stale.token);
  await assert.rejects(stale.begin(backup), reason("FENCED"));
  const begun = await next.begin(backup);
  assert.equal(begun.adopted, true);
  assert.equal(begun.sessionId, stale.sessionId);
  assert.equal(begun.tilesDone, BigInt(half));
  const calls = [
    () => stale.begin(backup),
    () => stale.upload(backup.tiles),
    () => stale.finish(),
    () => stale.abort(),
  ];
  for (const call of calls) {
    const error = await call().catch((caught: unknown) => caught);
    assert.ok(reason("FENCED")(error));
    assert.ok(error instanceof HoldfastError);
    assert.deepEqual(error.metadata, {
      token: `${stale.token}`,
      current_token: `${next.token}`,
    });
  }
  stale.sessionId = next.sessionId;
  const { ownerToken } = await stale.session();
  assert.equal(ownerToken, next.token, "who was fenced may ask who took over");
  const session = await next.session(3);
  assert.equal(session.tilesDone, BigInt(half));
  assert.equal(session.ownerToken, next.token);
  assert.deepEqual(
    session.pendingPaths,
    backup.tiles.slice(half, half + 3).map(({ path }) => path),
  );
  const more = await next.session(1_000, session.nextPageToken);
  assert.equal(more.pendingPaths.length, backup.tiles.length - half - 3);
  assert.equal(more.nextPageToken, "");
  await next.upload(backup.tiles.slice(half));
  const state = await next.finish();

  // A repeat gets the first answer, also when the store has gone on; a stale one does not.
  await commit(store, randomBlock(new SeededRandom(seed), 20));
  assert.deepEqual(await next.finish(), state);
  await assert.rejects(stale.finish(), reason("FENCED"));
  await assert.rejects(next.upload(backup.tiles), reason("LEASE_RELEASED"));
  const ended = await next.session();
  assert.equal(ended.state, restore.RestoreState.PUBLISHED, "asked without a lease that is held");
});

test("a repeated begin gets the first answer", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const backup = newest(modelOf(new SeededRandom(seed), 5));
  const job = new RestoreJob(store);
  await job.acquire();
  const first = await job.begin(backup, { requestId: "one" });
  await job.upload(backup.tiles.slice(0, 1));
  assert.deepEqual(await job.begin(backup, { requestId: "one" }), first);
  const adopted = await job.begin(backup, { requestId: "two" });
  assert.deepEqual(adopted, { ...first, adopted: true, tilesDone: 1n });
});

test("the request id of a begin is of one begin only", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const model = modelOf(new SeededRandom(seed), 30);
  const backup = newest(model);
  const job = new RestoreJob(store);
  await job.acquire();
  await job.begin(backup, { requestId: "one" });
  const { sessionId } = job;
  const reused = reason("REQUEST_ID_REUSED");
  const older = backupOf(model, model.checkpoints[9] ?? 0, 20, IDENTITY);
  await assert.rejects(job.begin(older, { requestId: "one" }), reused, "another version");
  const smaller = newest(model, 10);
  assert.notEqual(smaller.tiles.length, backup.tiles.length);
  await assert.rejects(job.begin(smaller, { requestId: "one" }), reused, "other tiles");
  const live = { liveHistoryId: idOf("x"), liveCommittedVersion: 1n, liveStateRoot: EMPTY_HASH };
  await assert.rejects(job.begin(backup, { requestId: "one", ...live }), reused, "another store");
  job.sessionId = sessionId;
  await job.upload(backup.tiles);
  await job.finish();
});

test("begins at the same moment with one request id are one begin", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const model = modelOf(new SeededRandom(seed), 30);
  const backup = newest(model);
  const job = new RestoreJob(store);
  await job.acquire();
  const begins = () => [0, 1].map(() => job.begin(backup, { requestId: "one" }));
  const [first, second] = await Promise.all(begins());
  assert.deepEqual(first, second);
  assert.equal(first?.adopted, false);
  assert.equal(generationsOf(store).length, 2, "one candidate is gone");
  const twins = await Promise.allSettled([
    job.begin(backup, { requestId: "two" }),
    job.begin(newest(model, 10), { requestId: "two" }),
  ]);
  const refused = twins.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 1);
  assert.ok(reason("REQUEST_ID_REUSED")((refused[0] as PromiseRejectedResult).reason));
});

test("a begin whose caller has gone makes room at once", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const backup = newest(modelOf(new SeededRandom(seed), 10));
  const job = new RestoreJob(store);
  await job.acquire();
  const leave = [await job.beginHalf(backup), await job.beginHalf(backup)];
  await until(() => generationsOf(store).length === 3, "both have begun");
  await assert.rejects(job.begin(backup), reason("NO_SLOT"));
  const startMs = performance.now();
  for (const each of leave) each();
  await until(() => generationsOf(store).length === 1, "what they made is gone");
  await job.begin(backup);
  assert.ok(performance.now() - startMs < limits.STALL_MS_MAX / 3, "long before the stall rule");
});

test("another plan takes the place of the unfinished one", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const model = modelOf(new SeededRandom(seed), 30);
  const older = backupOf(model, model.checkpoints[9] ?? 0, 20, IDENTITY);
  const job = new RestoreJob(store);
  await job.acquire();
  await job.begin(newest(model));
  const replaced = job.sessionId;
  await job.begin(older);
  assert.notEqual(job.sessionId, replaced);
  assert.equal(generationsOf(store).length, 2);
  await job.upload(older.tiles);
  assert.deepEqual((await job.finish()).stateRoot, older.stateRoot);
});

test("what only the live store has is not thrown away unasked", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const random = new SeededRandom(seed);
  const model = modelOf(random, 20);
  const job = await restoreAll(store, newest(model));
  const restored = await job.dbState();
  const identity = { ledgerId: restored.ledgerId, histories: [...restored.histories] };
  const backup = backupOf(model, model.version, 20, identity);

  // The same version and history: nothing is lost. Nothing is either by the parent's backup.
  await job.acquire();
  await job.begin(backup);
  await job.abort();
  await assert.rejects(job.begin(newest(model)), reason("LIVE_STATE_WOULD_BE_LOST"));
  await job.release();
  await commit(store, randomBlock(random, 20));
  await job.acquire();
  await assert.rejects(job.begin(backup), reason("LIVE_STATE_WOULD_BE_LOST"));
  await assert.rejects(
    job.begin({ ...backup, ledgerId: idOf("another") }, { replace: true }),
    reason("LEDGER_MISMATCH"),
  );
  const changed = { liveCommittedVersion: backup.version, replace: true };
  await assert.rejects(job.begin(backup, changed), reason("LIVE_STATE_CHANGED"));
  await job.begin(backup, { replace: true });
  await job.upload(backup.tiles);
  await job.finish();
});

test("storage killed in mid-restore loses no acknowledged tile", async () => {
  await using folder = await temporaryDirectory();
  const random = new SeededRandom(seed);
  const backup = newest(modelOf(random, 40, 600), 8);
  let done = 0;
  let stale: RestoreJob | null = null;
  for (let round = 0; round < 3; round++) {
    await using store = await spawnStorage(folder.path);
    const job = new RestoreJob(store);
    if (stale !== null) {
      // The lease survived the restart, with its full TTL: an operator, or the job itself, ends it.
      job.leaseId = stale.leaseId;
      await job.release();
    }
    await job.acquire();
    const begun = await job.begin(backup);
    assert.equal(begun.adopted, round > 0);
    assert.ok(begun.tilesDone >= BigInt(done), `round ${round}`);
    const { pendingPaths } = await job.session();
    const pending = backup.tiles.filter(({ path }) => pendingPaths.includes(path));
    const some = pending.slice(0, Math.ceil(pending.length / 3));
    done = Number((await job.upload(some)).tilesDone);
    // Killed while more is on its way.
    const lost = job.upload(pending.slice(some.length)).catch(() => undefined);
    for (let turns = random.int(200); turns > 0; turns--) await nextTurn();
    await store.kill();
    await lost;
    stale = job;
  }
  await using store = await spawnStorage(folder.path);
  const job = new RestoreJob(store);
  job.leaseId = stale?.leaseId ?? "";
  await job.release();
  await job.acquire();
  const begun = await job.begin(backup);
  assert.ok(begun.adopted && begun.tilesDone >= BigInt(done));
  await job.upload(backup.tiles);
  const state = await job.finish();
  await store.kill();
  await using again = await spawnStorage(folder.path);
  assert.deepEqual(await new RestoreJob(again).dbState(), state);
  await checkState(again, state, backup);
});
