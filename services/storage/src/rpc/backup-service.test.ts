// Goal: BackupService keeps the contract over a real connection: what a stream says of itself,
// where it can go on, when it is refused and with which reason, and what it leaves behind.
// Method: a store and its states as plain maps; a real server, client and scan threads on
// loopback; a manual clock where time is the subject.
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import test from "node:test";
import type { backup, types } from "@holdfast/api";
import { HoldfastError, type Reason } from "@holdfast/core";
import {
  chunkId,
  foldSiblings,
  rootOf,
  stateRootProofLogRoot,
  type TransactionInfo,
  type TreeNode,
  verifyConsistency,
} from "@holdfast/merkle";
import { ManualClock, SeededRandom, until } from "@holdfast/testing";
import { encodeCheckpoint } from "../engine/checkpoint-codec.js";
import type { ScanPool } from "../engine/scan-pool.js";
import { u64 } from "../engine/schema.js";
import type { ModelWrite } from "../test-support/ledger-model.js";
import { bodyOf, ScanModel } from "../test-support/scan-model.js";
import { LEASE, ServedBackup } from "../test-support/served-backup.js";

const text = (value: string): Buffer => Buffer.from(value);
const values = (count: number, value: string, prefix = "key"): ModelWrite[] =>
  Array.from({ length: count }, (_, i) => [text(`${prefix} ${i}`), text(value)]);
const byteSum = (items: readonly { readonly bytes: number }[]): number =>
  items.reduce((sum, { bytes }) => sum + bytes, 0);

/** The parts of a stream by name. */
async function read<F extends { readonly part?: { readonly $case: string } | undefined }>(
  stream: AsyncIterable<F>,
): Promise<NonNullable<F["part"]>[]> {
  const parts: NonNullable<F["part"]>[] = [];
  for await (const { part } of stream) {
    assert.ok(part);
    parts.push(part as NonNullable<F["part"]>);
  }
  return parts;
}

async function readSnapshot(stream: AsyncIterable<backup.StreamStateSnapshotResponse>) {
  const parts = await read(stream);
  const [header] = parts;
  const trailer = parts.at(-1);
  assert.ok(header?.$case === "header", "the header comes first");
  assert.ok(trailer?.$case === "trailer", "the trailer comes last");
  const chunks = parts.flatMap((part) => (part.$case === "chunks" ? part.value.chunks : []));
  return { header: header.value, chunks, trailer: trailer.value };
}

const refusal =
  (reason: Reason, metadata: Readonly<Record<string, string>> = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.reason, reason, error.message);
    for (const [name, value] of Object.entries(metadata)) {
      assert.equal(error.metadata[name], value, name);
    }
    return true;
  };

function nodeOf(message: types.TreeNode | undefined): TreeNode {
  assert.ok(message?.kind);
  switch (message.kind.$case) {
    case "empty":
      return { kind: "empty" };
    case "leaf":
      return { kind: "leaf", ...message.kind.value };
    case "inner":
      return { kind: "inner", hash: message.kind.value };
  }
}

function infoOf(message: types.TransactionInfo | undefined): TransactionInfo {
  assert.ok(message?.commitTime);
  const { seconds, nanos } = message.commitTime;
  return {
    ...message,
    commitTimeUs: seconds * 1_000_000n + BigInt(nanos / 1_000),
    stateRoot: message.stateRoot ?? null,
  };
}

/** Versions 0 (100 keys), 3 (inside: 1, 2), 4; large enough for a dozen tiles. */
async function smallStore(): Promise<ScanModel> {
  const model = await ScanModel.open();
  model.commit(values(100, "first"));
  model.commit(values(30, "second"), values(5, "inside"), values(40, "x".repeat(4_000), "large"));
  model.commit([[text("key 99"), null]]);
  return model;
}

test("a snapshot says what it is, and what it was", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  for (const version of model.checkpoints) {
    const { header, chunks, trailer } = await readSnapshot(
      served.snapshot({ version, withProofs: true }),
    );
    const items = model.items(version);
    assert.equal(header.version, version);
    assert.deepEqual(header.stateRoot, model.root(version));
    assert.equal(header.ledgerId.length, 16);
    assert.equal(header.historyId.length, 16);
    assert.equal(header.codec, 1);
    assert.equal(header.itemsToCome, BigInt(items.length));
    assert.equal(header.bytesToCome, BigInt(byteSum(items)));
    assert.equal(header.fromVersion, undefined);
    const deadlineMs = Number(header.deadlineTime?.seconds) * 1_000;
    assert.ok(Math.abs(deadlineMs - Date.now() - 3_600_000) < 60_000, `${deadlineMs}`);
    const info = infoOf(header.rootProof?.info);
    assert.deepEqual(info.stateRoot, header.stateRoot);
    const { logRoot } = await served.call(served.client.getStateRootProof, {
      version,
      extendsVersion: undefined,
    });
    assert.deepEqual(stateRootProofLogRoot(info, header.rootProof?.logSiblings ?? []), logRoot);
    assert.deepEqual(
      chunks.flatMap((chunk) => chunk.items.map(({ key }) => key)),
      items.map(({ key }) => key),
    );
    const digest = createHash("sha256");
    for (const { chunkId } of chunks) digest.update(chunkId);
    assert.deepEqual(trailer, {
      tiles: BigInt(chunks.length),
      items: BigInt(items.length),
      bytes: BigInt(chunks.reduce((sum, chunk) => sum + bodyOf(chunk.items).length, 0)),
      sha256: digest.digest(),
    });
  }
  assert.deepEqual(served.failures, []);
});

test("unset means the newest; an empty state has no chunk", async () => {
  await using model = await ScanModel.open();
  await using served = await ServedBackup.start(model);
  await assert.rejects(read(served.snapshot()), refusal("STORE_EMPTY"));
  const { state } = await served.call(served.client.getDbState, {});
  assert.equal(state?.committedVersion, undefined);
  assert.equal(state?.stateRoot.toString(), "SPARSE_MERKLE_PLACEHOLDER_HASH__");
  model.commit(values(3, "v"));
  model.commit(values(3, "v").map(([key]) => [key, null]));
  const { header, chunks, trailer } = await readSnapshot(served.snapshot());
  assert.equal(header.version, 1n);
  assert.equal(header.itemsToCome, 0n);
  assert.equal(chunks.length, 0);
  assert.deepEqual(trailer.sha256, createHash("sha256").digest());
});

test("a stream goes on behind its last tile", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const version = 4n;
  const expectedRoot = model.root(version);
  const tiles = model.tiles(version);
  for (const [index, { path }] of tiles.entries()) {
    const { header, chunks } = await readSnapshot(
      served.snapshot({ version, expectedRoot, resumeAfter: path }),
    );
    const rest = tiles.slice(index + 1);
    assert.deepEqual(
      chunks.map((chunk) => chunk.path),
      rest.map((tile) => tile.path),
    );
    assert.equal(header.itemsToCome, BigInt(rest.flatMap(({ items }) => items).length));
    assert.equal(header.bytesToCome, BigInt(byteSum(rest)));
  }
});

test("chosen tiles are the snapshot's", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const { chunks: all } = await readSnapshot(served.snapshot({ withProofs: true }));
  const paths = all.filter((_, index) => index % 3 === 1).map(({ path }) => path);
  const byPath = await readSnapshot(
    served.tiles({ $case: "paths", value: { paths } }, { withProofs: true }),
  );
  const chosen = all.filter(({ path }) => paths.includes(path));
  assert.deepEqual(byPath.chunks, chosen);
  assert.equal(byPath.header.itemsToCome, byPath.trailer.items);
  for (const [startIndex, limit] of [
    [0n, 0n],
    [0n, 1n],
    [2n, 3n],
    [3n, 1_000n],
    [BigInt(all.length), 0n],
  ] as const) {
    const end = limit === 0n ? all.length : Number(startIndex + limit);
    const ranged = await readSnapshot(
      served.tiles({ $case: "range", value: { startIndex, limit } }, { withProofs: true }),
    );
    assert.deepEqual(ranged.chunks, all.slice(Number(startIndex), end));
    assert.equal(ranged.header.itemsToCome, ranged.trailer.items);
    const items = ranged.chunks.flatMap((chunk) => chunk.items);
    const framing = items.reduce((sum, item) => sum + (item.value.length > 125 ? 3 : 2), 0);
    assert.equal(ranged.header.bytesToCome, ranged.trailer.bytes - BigInt(framing));
  }
});

test("lists tiles page by page", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  for (const version of model.checkpoints) {
    const found: backup.Tile[] = [];
    let pageToken = "";
    do {
      const page = await served.call(served.client.listStateTiles, {
        version: pageToken === "" ? version : undefined,
        pageSize: 3,
        pageToken,
      });
      assert.ok(page.tiles.length <= 3);
      assert.equal(page.version, version);
      assert.deepEqual(page.stateRoot, model.root(version));
      found.push(...page.tiles);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    assert.deepEqual(
      found.map(({ path, items, bytes }) => [path, Number(items), Number(bytes)]),
      model.tiles(version).map(({ path, items, bytes }) => [path, items.length, bytes]),
    );
  }
});

test("the node at any path folds to the root", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const random = new SeededRandom(11);
  const paths = ["0", "f", "8"];
  for (const { keyHash } of model.items(4n)) paths.push(keyHash.slice(0, 1 + random.int(6)));
  paths.push(random.bytes(32).toString("hex"), model.items(4n)[0]?.keyHash ?? "0");
  for (const path of paths) {
    const proof = await served.call(served.client.getStateRangeProof, { version: 4n, path });
    const node = nodeOf(proof.node);
    const siblings = proof.siblings.map(nodeOf);
    assert.ok(rootOf(foldSiblings(path, node, siblings)).equals(model.root(4n)), path);
    const under = model.items(4n).filter(({ keyHash }) => keyHash.startsWith(path));
    assert.equal(proof.items, BigInt(under.length));
    assert.equal(proof.bytes, BigInt(byteSum(under)));
    assert.equal(node.kind === "empty", under.length === 0);
  }
  for (const path of ["", "A", "g", "0".repeat(65)]) {
    await assert.rejects(
      served.call(served.client.getStateRangeProof, { version: 4n, path }),
      refusal("INVALID_REQUEST", { field: "path" }),
    );
  }
});

test("a root is proved, and that an earlier log is a prefix", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const rootProof = (version: bigint, extendsVersion?: bigint) =>
    served.call(served.client.getStateRootProof, { version, extendsVersion });
  const early = await rootProof(0n);
  const late = await rootProof(4n, 0n);
  verifyConsistency(1n, 5n, early.logRoot, late.logRoot, late.consistencyHashes);
  assert.deepEqual((await rootProof(4n, 4n)).consistencyHashes, []);
  await assert.rejects(rootProof(0n, 3n), refusal("INVALID_REQUEST"));
  const count = await served.call(served.client.getStateItemCount, { version: undefined });
  const items = model.items(4n);
  const expected = { version: 4n, items: BigInt(items.length), bytes: BigInt(byteSum(items)) };
  assert.deepEqual(count, expected);
});

test("a delta says what it is", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const parts = await read(served.changes({ fromVersion: 0n, fromRoot: model.root(0n) }));
  const [header] = parts;
  const trailer = parts.at(-1);
  assert.ok(header?.$case === "header" && trailer?.$case === "trailer");
  assert.equal(header.value.fromVersion, 0n);
  assert.deepEqual(header.value.fromRoot, model.root(0n));
  assert.equal(header.value.version, 4n);
  const changes = model.changes(0n, 4n);
  assert.equal(trailer.value.items, BigInt(changes.length));
  assert.ok(header.value.itemsToCome >= trailer.value.items);
  const chunks = parts.flatMap((part) => (part.$case === "chunks" ? part.value.chunks : []));
  const bodies = chunks.filter(({ changeCount }) => changeCount > 0n);
  assert.equal(trailer.value.tiles, BigInt(bodies.length));
  const ids = Buffer.concat(bodies.map(({ chunkId }) => chunkId));
  assert.deepEqual(trailer.value.sha256, createHash("sha256").update(ids).digest());
  const half = chunks[chunks.length >> 1]?.path ?? "";
  const rest = await read(
    served.changes({
      fromVersion: 0n,
      fromRoot: model.root(0n),
      version: 4n,
      expectedRoot: model.root(4n),
      resumeAfter: half,
    }),
  );
  assert.deepEqual(
    rest.flatMap((part) => (part.$case === "chunks" ? part.value.chunks : [])),
    chunks.slice((chunks.length >> 1) + 1),
  );
});

test("what cannot be served is refused before the first frame", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const root = model.root(4n);
  const other = Buffer.alloc(32, 7);
  const snapshots: readonly [Partial<backup.StreamStateSnapshotRequest>, Reason, string?][] = [
    [{ leaseId: "" }, "LEASE_REQUIRED"],
    [{ leaseId: "unknown" }, "LEASE_UNKNOWN"],
    [{ version: 1n }, "NOT_A_CHECKPOINT"],
    [{ version: 5n }, "VERSION_NOT_COMMITTED"],
    [{ expectedRoot: other }, "HISTORY_FORKED"],
    [{ version: 4n, expectedRoot: model.root(0n) }, "HISTORY_FORKED"],
    [{ version: 1n, expectedRoot: other }, "HISTORY_FORKED"],
    [{ version: 9n, expectedRoot: other }, "HISTORY_FORKED"],
    [{ expectedHistoryId: Buffer.alloc(16, 1) }, "HISTORY_FORKED"],
    [{ expectedHistoryId: Buffer.alloc(3) }, "INVALID_REQUEST", "expected_history_id"],
    [{ expectedRoot: Buffer.alloc(31) }, "INVALID_REQUEST", "expected_root"],
    [{ resumeAfter: "3" }, "INVALID_REQUEST", "version"],
    [{ resumeAfter: "3", version: 4n }, "INVALID_REQUEST", "expected_root"],
    [{ resumeAfter: "zz", version: 4n, expectedRoot: root }, "INVALID_REQUEST", "resume_after"],
    [{ resumeAfter: "3333", version: 4n, expectedRoot: root }, "INVALID_REQUEST", "resume_after"],
  ];
  for (const [request, reason, field] of snapshots) {
    await assert.rejects(
      read(served.snapshot(request)),
      refusal(reason, field === undefined ? {} : { field }),
      JSON.stringify(request, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
    );
  }
  await assert.rejects(
    read(served.snapshot({ version: 2n })),
    refusal("NOT_A_CHECKPOINT", { checkpoint_before: "0", checkpoint_after: "3" }),
  );
  const paths = (...some: string[]) => ({ $case: "paths", value: { paths: some } }) as const;
  const selections: readonly (readonly [backup.StreamStateTilesRequest["selection"], string])[] = [
    [undefined, "selection"],
    [paths(), "paths"],
    [paths("1", "1"), "paths[1]"],
    [paths("2", "1"), "paths[1]"],
    [paths("x"), "paths[0]"],
    [paths("1111"), "paths"],
    [{ $case: "range", value: { startIndex: 1_000n, limit: 1n } }, "range.start_index"],
  ];
  for (const [selection, field] of selections) {
    await assert.rejects(read(served.tiles(selection)), refusal("INVALID_REQUEST", { field }));
  }
  const fromRoot = model.root(0n);
  const deltas: readonly [Partial<backup.StreamStateChangesRequest>, Reason][] = [
    [{ fromRoot }, "INVALID_REQUEST"],
    [{ fromVersion: 0n }, "INVALID_REQUEST"],
    [{ fromVersion: 3n, fromRoot: model.root(3n), version: 0n }, "INVALID_REQUEST"],
    [{ fromVersion: 0n, fromRoot: other }, "HISTORY_FORKED"],
    [{ fromVersion: 1n, fromRoot: other }, "HISTORY_FORKED"],
    [{ fromVersion: 7n, fromRoot: other }, "HISTORY_FORKED"],
    [{ fromVersion: 0n, fromRoot, leaseId: "" }, "LEASE_REQUIRED"],
  ];
  for (const [request, reason] of deltas) {
    await assert.rejects(read(served.changes(request)), refusal(reason));
  }
  assert.equal(served.gate.listeners, 0);
});

test("page tokens of another state lead nowhere", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const list = (request: Partial<backup.ListStateTilesRequest>) =>
    served.call(served.client.listStateTiles, {
      version: undefined,
      pageSize: 2,
      pageToken: "",
      ...request,
    });
  const { nextPageToken } = await list({ version: 3n });
  const bytes = Buffer.from(nextPageToken, "base64url");
  const changed = (at: number): string => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy.toString("base64url");
  };
  for (const pageToken of [
    "nonsense",
    changed(0),
    `${nextPageToken}=`,
    changed(bytes.length - 1),
  ]) {
    // The last bit changed leads to another path, which may be one.
    if (pageToken === changed(bytes.length - 1)) continue;
    await assert.rejects(list({ pageToken }), refusal("PAGE_TOKEN_INVALID"));
  }
  await assert.rejects(list({ pageToken: changed(3) }), refusal("HISTORY_FORKED"));
  await assert.rejects(list({ pageToken: changed(30) }), refusal("HISTORY_FORKED"));
  await assert.rejects(
    list({ pageToken: nextPageToken, version: 4n }),
    refusal("PAGE_TOKEN_INVALID"),
  );
  await assert.rejects(list({ pageSize: -1 }), refusal("INVALID_REQUEST", { field: "page_size" }));
});

test("what was pruned is out of range", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const { env } = model.store;
  env.meta.putSync(text("oldest_state"), u64(3n));
  env.meta.putSync(text("oldest_journal"), u64(3n));
  await assert.rejects(read(served.snapshot({ version: 0n })), refusal("VERSION_PRUNED"));
  const delta = { fromVersion: 0n, fromRoot: model.root(0n) };
  await assert.rejects(read(served.changes(delta)), refusal("VERSION_PRUNED"));
  // The journal may reach further back than the state.
  env.meta.putSync(text("oldest_journal"), u64(0n));
  const fromRoot = model.root(0n);
  env.checkpoints.removeSync(u64(0n));
  const parts = await read(served.changes({ fromVersion: 0n, fromRoot }));
  const trailer = parts.at(-1);
  assert.ok(trailer?.$case === "trailer");
  assert.equal(trailer.value.items, BigInt(model.changes(0n, 4n).length));
});

test("a delta of more entries than it is worth is refused before it is read", async () => {
  await using model = await smallStore();
  await using served = await ServedBackup.start(model);
  const { env, reader } = model.store;
  const claim = (entries: bigint): void => {
    const checkpoint = reader.checkpoint(4n);
    reader.release();
    assert.ok(checkpoint);
    const shardJournalEntries = checkpoint.shardJournalEntries.map((_, i) => (i ? 0n : entries));
    env.checkpoints.putSync(u64(4n), encodeCheckpoint({ ...checkpoint, shardJournalEntries }));
  };
  const delta = { fromVersion: 0n, fromRoot: model.root(0n) };
  const before = reader.checkpoint(0n)?.journalEntries ?? 0n;
  reader.release();
  claim(before + 100_001n);
  await assert.rejects(
    read(served.changes(delta)),
    refusal("DELTA_TOO_LARGE", { journal_entries: "100001" }),
  );
  claim(before + 100_000n);
  assert.equal((await read(served.changes(delta))).at(-1)?.$case, "trailer");
});

/** More state than all buffers between server and client hold. */
async function largeStore(): Promise<ScanModel> {
  const model = await ScanModel.open();
  for (let block = 0; block < 8; block++) {
    model.commit(values(250, "v".repeat(8_000), `block ${block}`));
  }
  return model;
}

test("a client that goes away leaves nothing behind", async () => {
  await using model = await largeStore();
  await using served = await ServedBackup.start(model);
  for (const frames of [1, 2, 5]) {
    const gone = new AbortController();
    let seen = 0;
    await assert.rejects(async () => {
      for await (const _frame of served.snapshot({}, gone.signal)) {
        if (++seen === frames) gone.abort(new Error("enough"));
      }
    }, /enough/);
    await until(() => served.scansRunning() === 0, "no scan runs");
    assert.equal(served.live.readTransactions(), 0);
    assert.equal(served.gate.listeners, 0);
  }
  // Several at once that stop reading, and go.
  const gone = new AbortController();
  const streams = Array.from({ length: 20 }, () => served.snapshot({}, gone.signal));
  await Promise.all(streams.map((stream) => stream.next()));
  assert.ok(served.scansRunning() > 0, "open streams are counted");
  await until(() => served.scans.counts.running === 0, "stalled streams use no thread");
  assert.equal(served.live.readTransactions(), 0, "and hold no read transaction");
  gone.abort(new Error("enough"));
  await Promise.allSettled(streams.map((stream) => stream.next()));
  await until(() => served.scansRunning() === 0, "no scan runs");
  const { trailer } = await readSnapshot(served.snapshot());
  assert.equal(trailer.items, 2_000n, "others are served");
  assert.deepEqual(served.failures, []);
});

test("streams side by side do not touch each other's frames", async () => {
  await using model = await largeStore();
  await using served = await ServedBackup.start(model);
  const versions = model.checkpoints.slice(-3);
  const streams = [...versions, ...versions].map(async (version) => {
    const { chunks, trailer } = await readSnapshot(served.snapshot({ version }));
    const digest = createHash("sha256");
    for (const { path, items, chunkId: id } of chunks) {
      assert.deepEqual(chunkId(bodyOf(items)), id, `${path} at ${version}`);
      digest.update(id);
    }
    assert.deepEqual(trailer.sha256, digest.digest());
    assert.equal(trailer.items, BigInt(model.items(version).length));
  });
  await Promise.all(streams);
});

test("a stream ends in the generation in which it began", async () => {
  await using model = await largeStore();
  await using next = await smallStore();
  await using served = await ServedBackup.start(model);
  const stream = served.snapshot();
  const first = await stream.next();
  assert.ok(first.value?.part?.$case === "header");
  served.live.swap(2, next.store.env);
  const { header } = await readSnapshot(served.snapshot());
  assert.equal(header.version, 4n, "a new stream reads the new generation");
  assert.deepEqual(served.retired, []);
  const rest = await read(stream);
  const trailer = rest.at(-1);
  assert.ok(trailer?.$case === "trailer");
  assert.equal(trailer.value.items, 2_000n);
  await until(() => served.retired.length > 0, "the old generation is retired");
  assert.deepEqual(served.retired, [model.store.env.path]);
  assert.deepEqual(served.failures, []);
});

test("a stream ends when its lease does", async () => {
  await using model = await largeStore();
  await using served = await ServedBackup.start(model);
  const stream = served.snapshot();
  await stream.next();
  await stream.next();
  served.gate.end(new HoldfastError("LEASE_BROKEN", "An operator broke the lease."));
  await assert.rejects(async () => {
    for (;;) if ((await stream.next()).done === true) return;
  }, refusal("LEASE_BROKEN"));
  await until(() => served.scansRunning() === 0, "no scan runs");
  assert.equal(served.gate.listeners, 0);
  await assert.rejects(read(served.snapshot({ leaseId: LEASE })), refusal("LEASE_BROKEN"));
});

test("a stream that waits for a thread says so, and ends with its caller", async () => {
  await using model = await smallStore();
  const clock = new ManualClock();
  let asked = 0;
  let ended = 0;
  const scans = {
    counts: { running: 0, abandoned: 0, waiting: 0 },
    run: (_job: unknown, signal: AbortSignal) => {
      asked++;
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          ended++;
          reject(signal.reason);
        });
      });
    },
    close: async () => undefined,
  } as unknown as ScanPool;
  await using served = await ServedBackup.start(model, { clock, scans });
  const gone = new AbortController();
  const stream = served.snapshot({}, gone.signal);
  assert.equal((await stream.next()).value?.part?.$case, "header");
  await until(() => asked === 1, "a frame is asked for");
  for (let beat = 0; beat < 3; beat++) {
    clock.advance(5_000);
    const { value } = await stream.next();
    assert.deepEqual(value?.part, { $case: "heartbeat", value: { reason: 1 } });
  }
  gone.abort(new Error("enough"));
  await assert.rejects(stream.next(), /enough/);
  await until(() => ended === 1, "the job is given up");
});
