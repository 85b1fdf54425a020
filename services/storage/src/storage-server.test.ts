// Goal: StorageService as its proto says, over gRPC: answers, proofs, pages, errors with the right
// reasons, readiness and drain.
// Method: the server in this process on a free port, generated clients, merkle's verifiers.
import { strict as assert } from "node:assert";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { credentials } from "@grpc/grpc-js";
import { storage, type types } from "@holdfast/api";
import { HoldfastError, type Reason } from "@holdfast/core";
import {
  encodeTransactionInfo,
  logLeafHash,
  sha256,
  stateRootProofLogRoot,
  type TransactionInfo,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
  verifyStateProof,
} from "@holdfast/merkle";
import type { RunningService } from "@holdfast/process";
import { callUnary, type UnaryMethod } from "@holdfast/rpc";
import { RecordingLogger, temporaryDirectory } from "@holdfast/testing";
import type { StorageConfig } from "./config.js";
import { startStorageServer } from "./storage-server.js";
import { encodeBlock, transactionOf } from "./test-support/blocks.js";

const TIMEOUT_MS = 10_000;

/** A running server and a client of it. */
class Served implements AsyncDisposable {
  readonly client: storage.StorageServiceClient;
  readonly service: RunningService;

  private constructor(service: RunningService) {
    this.service = service;
    this.client = new storage.StorageServiceClient(service.listen, credentials.createInsecure());
  }

  static async start(dataDir: string, more: Partial<StorageConfig> = {}): Promise<Served> {
    const local = { host: "127.0.0.1", port: 0 };
    const config: StorageConfig = {
      listen: local,
      adminListen: local,
      insecure: false,
      drainDelayMs: 0,
      drainGraceMs: 1_000,
      logLevel: "info",
      dataDir,
      stateVersions: 0,
      ledgerVersions: 0,
      journalVersions: 0,
      diskLowBytes: 0,
      ...more,
    };
    const fatal = (error: unknown): void => assert.fail(String(error));
    return new Served(await startStorageServer(config, { logger: new RecordingLogger(), fatal }));
  }

  call<Req, Res>(method: UnaryMethod<Req, Res>, request: Req): Promise<Res> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return callUnary(method.bind(this.client), request, { signal, timeoutMs: TIMEOUT_MS });
  }

  commit(writes: Readonly<Record<string, string | null>>[]): Promise<storage.CommitBlockResponse> {
    const request = storage.CommitBlockRequest.decode(encodeBlock(writes.map(transactionOf)));
    return this.call(this.client.commitBlock, request);
  }

  get(key: string, more: Partial<storage.GetStateRequest> = {}): Promise<storage.GetStateResponse> {
    return this.call(this.client.getState, {
      key: Buffer.from(key),
      version: undefined,
      withProof: false,
      proofFormat: storage.ProofFormat.UNSPECIFIED,
      ...more,
    });
  }

  list(more: Partial<storage.ListStateRequest> = {}): Promise<storage.ListStateResponse> {
    const request = { version: undefined, pageSize: 0, pageToken: "", ...more };
    return this.call(this.client.listState, request);
  }

  prune(more: Partial<storage.PruneRequest>): Promise<storage.PruneResponse> {
    return this.call(this.client.prune, {
      oldestStateVersion: undefined,
      oldestTransactionVersion: undefined,
      oldestJournalVersion: undefined,
      ...more,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.service.drain(new AbortController().signal);
    await this.service.stop();
  }
}

async function refused(promise: Promise<unknown>, reason: Reason, metadata = {}): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.deepEqual({ ...error.metadata, ...metadata }, error.metadata);
    return true;
  });
}

function treeNode({ kind }: types.TreeNode): TreeNode {
  if (kind?.$case === "leaf") return { kind: "leaf", ...kind.value };
  return kind?.$case === "inner" ? { kind: "inner", hash: kind.value } : { kind: "empty" };
}

function infoOf(info: types.TransactionInfo | undefined): TransactionInfo {
  assert.ok(info?.commitTime !== undefined);
  const commitTimeUs = info.commitTime.seconds * 1_000_000n + BigInt(info.commitTime.nanos / 1_000);
  return { ...info, commitTimeUs, stateRoot: info.stateRoot ?? null };
}

/** Verifies an answer with a state proof all the way to the log root. */
function verifyAnswer(answer: storage.GetStateResponse, key: string, logRoot: Buffer): void {
  const { stateProof, rootProof, stateRoot } = answer;
  assert.ok(stateProof?.met !== undefined && rootProof !== undefined);
  const proof = {
    siblings: stateProof.siblings.map(treeNode),
    met: treeNode(stateProof.met),
  };
  const valueHash = answer.value === undefined ? null : sha256(answer.value);
  verifyStateProof(stateRoot, sha256(Buffer.from(key)), valueHash, proof);
  const info = infoOf(rootProof.info);
  assert.deepEqual(info.stateRoot, stateRoot);
  assert.deepEqual(stateRootProofLogRoot(info, rootProof.logSiblings), logRoot);
}

test("an empty store", async () => {
  await using folder = await temporaryDirectory();
  await using served = await Served.start(folder.path);
  const { state } = await served.call(served.client.getDbState, {});
  assert.equal(state?.committedVersion, undefined);
  assert.equal(state?.stateRoot.toString(), "SPARSE_MERKLE_PLACEHOLDER_HASH__");
  const { client } = served;
  await refused(served.get("a"), "STORE_EMPTY");
  await refused(served.list(), "STORE_EMPTY");
  await refused(served.call(client.getTransaction, { version: 0n }), "STORE_EMPTY");
  await refused(served.call(client.getConsistencyProof, { fromVersion: 0n }), "STORE_EMPTY");
  await refused(served.prune({}), "STORE_EMPTY");
});

test("reads and proofs", async (context: TestContext) => {
  await using folder = await temporaryDirectory();
  await using served = await Served.start(folder.path);
  const { client } = served;
  const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
  const first = await served.commit([Object.fromEntries(keys.map((key) => [key, `${key} v`]))]);
  const second = await served.commit([{ a: "1" }, { a: "2", empty: "" }, { "key 0": null }]);
  assert.equal(second.firstVersion, 1n);
  assert.equal(second.committedVersion, 3n);

  await context.test("every key, present or not, at both checkpoints", async () => {
    for (const key of [...keys, "a", "empty", "absent", "b"]) {
      const newest = await served.get(key, { withProof: true });
      assert.equal(newest.version, 3n);
      verifyAnswer(newest, key, second.logRoot);
      const old = await served.get(key, { withProof: true, version: 0n });
      verifyAnswer(old, key, first.logRoot);
      assert.equal(old.value?.toString(), keys.includes(key) ? `${key} v` : undefined);
    }
    assert.equal((await served.get("key 0")).value, undefined);
    assert.deepEqual((await served.get("empty")).value, Buffer.alloc(0), "empty is not absent");
  });
  await context.test("inside a block: values, no proofs", async () => {
    assert.equal((await served.get("a", { version: 1n })).value?.toString(), "1");
    await refused(served.get("a", { version: 1n, withProof: true }), "NOT_A_CHECKPOINT", {
      checkpoint_before: "0",
      checkpoint_after: "3",
    });
    await refused(served.list({ version: 2n }), "NOT_A_CHECKPOINT");
  });
  await context.test("ICS 23", async () => {
    const ask = { withProof: true, proofFormat: storage.ProofFormat.ICS23 };
    const found = await served.get("a", ask);
    assert.ok(found.ics23Proof.length > 0 && found.stateProof === undefined);
    const absent = await served.get("absent", ask);
    assert.ok(absent.ics23Proof.length > found.ics23Proof.length, "two neighbours");
    await refused(served.get("empty", ask), "PROOF_NOT_EXPRESSIBLE");
  });
  await context.test("wrong requests", async () => {
    await refused(served.get(""), "INVALID_REQUEST", { field: "key" });
    await refused(served.get("k".repeat(1_025)), "INVALID_REQUEST", { field: "key" });
    const proofFormat = 9 as storage.ProofFormat;
    await refused(served.get("a", { proofFormat }), "INVALID_REQUEST", { field: "proof_format" });
    await refused(served.get("a", { version: 4n }), "VERSION_NOT_COMMITTED", {
      committed_version: "3",
    });
  });
  await context.test("transactions and the log", async () => {
    for (let version = 0n; version <= 3n; version++) {
      for (let logVersion = version; logVersion <= 3n; logVersion++) {
        const answer = await served.call(client.getTransaction, { version, logVersion });
        const leaf = logLeafHash(encodeTransactionInfo(infoOf(answer.info)));
        const root = verifyInclusion(leaf, version, logVersion + 1n, answer.logSiblings);
        assert.deepEqual(root, answer.logRoot);
        const request = { fromVersion: version, toVersion: logVersion };
        const proof = await served.call(client.getConsistencyProof, request);
        const { fromLogRoot, toLogRoot, hashes } = proof;
        verifyConsistency(version + 1n, logVersion + 1n, fromLogRoot, toLogRoot, hashes);
        assert.deepEqual(toLogRoot, answer.logRoot);
      }
    }
    const newest = await served.call(client.getTransaction, { version: 2n });
    assert.equal(newest.logVersion, 3n);
    assert.deepEqual(newest.logRoot, second.logRoot);
    assert.equal(newest.transaction?.writeSet.length, 2);
    const before = { version: 2n, logVersion: 1n };
    await refused(served.call(client.getTransaction, before), "INVALID_REQUEST");
    const beyond = served.call(client.getTransaction, { version: 9n });
    await refused(beyond, "VERSION_NOT_COMMITTED");
    const back = { fromVersion: 2n, toVersion: 1n };
    await refused(served.call(client.getConsistencyProof, back), "INVALID_REQUEST");
  });
});

test("pages of the state", async (context: TestContext) => {
  await using folder = await temporaryDirectory();
  await using served = await Served.start(folder.path);
  const keys = Array.from({ length: 700 }, (_, index) => `key ${index}`);
  await served.commit([Object.fromEntries(keys.map((key) => [key, "old"]))]);
  // Rows that are newer than the version listed stand before those that it has.
  for (let round = 0; round < 12; round++) {
    await served.commit([Object.fromEntries(keys.slice(0, 350).map((key) => [key, `${round}`]))]);
  }
  const readAll = async (version: bigint, pageSize: number): Promise<Map<string, string>> => {
    const found = new Map<string, string>();
    let previous: Buffer = Buffer.alloc(0);
    let pageToken = "";
    do {
      const page = await served.list({ pageSize, pageToken, version });
      assert.ok(page.items.length <= (pageSize || 1_000));
      for (const { key, value } of page.items) {
        assert.ok(previous.compare(sha256(key)) < 0, "ascends by key hash");
        previous = sha256(key);
        found.set(key.toString(), value.toString());
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return found;
  };
  for (const pageSize of [0, 1_000, 97]) {
    await context.test(`of ${pageSize} items`, async () => {
      const old = await readAll(0n, pageSize);
      assert.deepEqual(old, new Map([...old].map(([key]) => [key, "old"])));
      assert.equal(old.size, 700);
      const newest = await readAll(12n, pageSize);
      assert.equal(newest.size, 700);
      assert.equal(newest.get("key 349"), "11");
      assert.equal(newest.get("key 350"), "old");
    });
  }
  await context.test("end at a megabyte", async () => {
    const large = Object.fromEntries([0, 1, 2].map((key) => [`large ${key}`, "v".repeat(600_000)]));
    await served.commit([large]);
    const page = await served.list({ pageSize: 10_000 });
    assert.ok(page.items.length < 703 && page.nextPageToken !== "");
  });
  await context.test("tokens of others", async () => {
    const { nextPageToken } = await served.list({ pageSize: 1, version: 0n });
    await refused(served.list({ pageToken: "nonsense" }), "PAGE_TOKEN_INVALID");
    const other = { pageToken: nextPageToken, version: 1n };
    await refused(served.list(other), "PAGE_TOKEN_INVALID");
    const bytes = Buffer.from(nextPageToken, "base64url");
    bytes[1] = (bytes[1] ?? 0) ^ 1;
    const foreign = { pageToken: bytes.toString("base64url") };
    await refused(served.list(foreign), "HISTORY_FORKED");
    await refused(served.list({ pageSize: -1 }), "INVALID_REQUEST", { field: "page_size" });
  });
});

test("pruned versions are out of range, also for a page token", async () => {
  await using folder = await temporaryDirectory();
  await using served = await Served.start(folder.path);
  for (let round = 0; round < 5; round++) await served.commit([{ a: `${round}`, b: "same" }]);
  const { nextPageToken } = await served.list({ pageSize: 1, version: 1n });
  const pruned = await served.prune({ oldestStateVersion: 3n, oldestTransactionVersion: 2n });
  assert.equal(pruned.oldestStateVersion, 3n);
  assert.equal(pruned.limitedByLease, false);
  assert.ok(pruned.rowsRemoved > 0n);
  await refused(served.get("a", { version: 2n }), "VERSION_PRUNED", { oldest: "3" });
  await refused(served.list({ pageToken: nextPageToken }), "VERSION_PRUNED");
  assert.equal((await served.get("a", { version: 3n })).value?.toString(), "3");
  const { client } = served;
  const kept = await served.call(client.getTransaction, { version: 1n });
  assert.equal(kept.transaction, undefined, "its content is pruned");
  assert.equal(kept.info?.version, 1n, "its info is not");
  const beyond = served.prune({ oldestStateVersion: 5n });
  await refused(beyond, "VERSION_NOT_COMMITTED");
});

test("a disk below the mark refuses blocks and nothing else", async () => {
  await using folder = await temporaryDirectory();
  const dataDir = join(folder.path, "data");
  {
    await using served = await Served.start(dataDir);
    await served.commit([{ a: "1" }]);
  }
  await using served = await Served.start(dataDir, { diskLowBytes: 2 ** 48 });
  await refused(served.commit([{ a: "2" }]), "DISK_LOW", { low_bytes: `${2 ** 48}` });
  assert.equal((await served.get("a")).value?.toString(), "1");
});

test("free disk is told before the first block", async () => {
  await using folder = await temporaryDirectory();
  await using served = await Served.start(folder.path);
  const metrics = await (await fetch(`http://${served.service.admin}/metrics`)).text();
  const [, bytes] = /^holdfast_storage_disk_free_bytes (\S+)$/m.exec(metrics) ?? [];
  assert.ok(Number(bytes) > 0, metrics);
});

test("readiness, metrics, and a restart on the same folder", async () => {
  await using folder = await temporaryDirectory();
  const answer = await (async () => {
    await using served = await Served.start(folder.path);
    assert.equal((await fetch(`http://${served.service.admin}/readyz`)).status, 200);
    const committed = await served.commit([{ a: "1" }]);
    const metrics = await (await fetch(`http://${served.service.admin}/metrics`)).text();
    for (const name of ["commit_blocks_total 1", "scans_running 0", "read_transactions"]) {
      assert.ok(metrics.includes(`holdfast_storage_${name}`), name);
    }
    return committed;
  })();
  await using served = await Served.start(folder.path);
  const { state } = await served.call(served.client.getDbState, {});
  assert.deepEqual(state?.ledgerId, answer.ledgerId);
  assert.deepEqual(state?.stateRoot, answer.stateRoot);
  assert.deepEqual(state?.logRoot, answer.logRoot);
  assert.deepEqual(state?.histories[0]?.historyId, answer.historyId);
});
