// Goal: leases over a real socket: refusals name the holder, pages go on, commits rest under an
// exclusive lease, over a restart too.
import assert from "node:assert/strict";
import test from "node:test";
import { storage, lease as wire } from "@holdfast/api";
import { HoldfastError, type Reason } from "@holdfast/core";
import { callUnary } from "@holdfast/rpc";
import { temporaryDirectory } from "@holdfast/testing";
import { encodeBlock, transactionOf } from "./test-support/blocks.js";
import { type StorageClients, startStorage } from "./test-support/running-storage.js";

const call = { signal: new AbortController().signal, timeoutMs: 30_000 };
const SHARED = wire.LeaseKind.SHARED;
const EXCLUSIVE = wire.LeaseKind.EXCLUSIVE;

async function acquire(
  { lease }: StorageClients,
  changes: Partial<wire.AcquireLeaseRequest> = {},
): Promise<{ lease: wire.Lease; answer: wire.AcquireLeaseResponse }> {
  const request = {
    kind: SHARED,
    holderLabel: "job",
    purpose: "test",
    ttl: undefined,
    pin: undefined,
    requestId: "",
    ...changes,
  };
  const answer = await callUnary(lease.acquireLease.bind(lease), request, call);
  assert.ok(answer.lease !== undefined);
  return { lease: answer.lease, answer };
}

function commit({ storage: client }: StorageClients, key: string) {
  const request = storage.CommitBlockRequest.decode(encodeBlock([transactionOf({ [key]: "v" })]));
  return callUnary(client.commitBlock.bind(client), request, call);
}

async function errorOf(promise: Promise<unknown>, expected: Reason): Promise<HoldfastError> {
  const error = await promise.then(
    () => assert.fail(`${expected} was expected`),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  assert.equal(error.reason, expected, error.message);
  return error;
}

test("a lease over the wire: granted, renewed, described, released", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const empty = await acquire(store);
  assert.equal(empty.lease.pin, undefined);
  assert.equal(empty.lease.historyId.length, 0);
  assert.equal(empty.answer.oldestStateVersion, undefined);
  await commit(store, "a");
  await commit(store, "b");
  const { lease, answer } = await acquire(store, { ttl: { seconds: 7n, nanos: 1 } });
  assert.deepEqual(lease.pin, { fromVersion: 1n, toVersion: 1n });
  const { state } = await callUnary(store.storage.getDbState.bind(store.storage), {}, call);
  assert.deepEqual(lease.historyId, state?.histories[0]?.historyId);
  assert.equal(lease.historyId.length, 16);
  assert.equal(answer.oldestStateVersion, 0n);
  assert.equal(answer.oldestJournalVersion, 0n);
  assert.deepEqual(lease.ttl, { seconds: 7n, nanos: 1_000_000 });
  assert.equal(lease.state, wire.LeaseState.ACTIVE);
  const client = store.lease;
  const byId = { leaseId: lease.leaseId };
  const renewed = await callUnary(client.renewLease.bind(client), byId, call);
  assert.equal(renewed.lease?.fencingToken, lease.fencingToken);
  await callUnary(client.releaseLease.bind(client), byId, call);
  await callUnary(client.releaseLease.bind(client), byId, call);
  const ended = await callUnary(client.getLease.bind(client), byId, call);
  assert.equal(ended.lease?.state, wire.LeaseState.RELEASED);
  await errorOf(callUnary(client.renewLease.bind(client), byId, call), "LEASE_RELEASED");
  const unknown = { leaseId: "nobody's" };
  await errorOf(callUnary(client.getLease.bind(client), unknown, call), "LEASE_UNKNOWN");
});

test("under an exclusive lease commits are refused, over a restart too", async () => {
  await using folder = await temporaryDirectory();
  let leaseId = "";
  {
    await using store = await startStorage(folder.path);
    await commit(store, "before");
    const { lease } = await acquire(store, { kind: EXCLUSIVE, holderLabel: "the restore" });
    leaseId = lease.leaseId;
    const refused = await errorOf(commit(store, "meanwhile"), "RESTORE_IN_PROGRESS");
    assert.ok((refused.retryAfterMs ?? 0) > 0);
    const held = await errorOf(acquire(store), "LEASE_HELD");
    assert.equal(held.status, "ABORTED");
    assert.equal(held.metadata["holder"], "the restore");
    assert.equal(held.metadata["token"], `${lease.fencingToken}`);
    for (const key of ["purpose", "since", "expiry"]) assert.ok(key in held.metadata, key);
    assert.ok((held.retryAfterMs ?? 0) > 0);
  }
  await using store = await startStorage(folder.path);
  await errorOf(commit(store, "after the restart"), "RESTORE_IN_PROGRESS");
  const client = store.lease;
  const wrong = { leaseId, ifToken: 99n };
  await errorOf(callUnary(client.breakLease.bind(client), wrong, call), "FENCED");
  const right = { leaseId, ifToken: undefined };
  const broken = await callUnary(client.breakLease.bind(client), right, call);
  assert.equal(broken.lease?.state, wire.LeaseState.BROKEN);
  const { firstVersion } = await commit(store, "after");
  assert.equal(firstVersion, 1n, "nothing was committed meanwhile");
});

test("pages of leases, oldest first", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const made: string[] = [];
  for (let i = 0; i < 5; i++) made.push((await acquire(store)).lease.leaseId);
  const client = store.lease;
  const listed: string[] = [];
  let pageToken = "";
  do {
    const request = { pageSize: 2, pageToken };
    const page = await callUnary(client.listLeases.bind(client), request, call);
    listed.push(...page.leases.map(({ leaseId }) => leaseId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  assert.deepEqual(listed, made);
  const wrongToken = { pageSize: 2, pageToken: "wrong" };
  const pages = client.listLeases.bind(client);
  await errorOf(callUnary(pages, wrongToken, call), "PAGE_TOKEN_INVALID");
  await errorOf(callUnary(pages, { pageSize: -1, pageToken: "" }, call), "INVALID_REQUEST");
});

test("wrong requests are refused", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(folder.path);
  const wrong: readonly Partial<wire.AcquireLeaseRequest>[] = [
    { kind: wire.LeaseKind.UNSPECIFIED },
    { holderLabel: "" },
    { holderLabel: "x".repeat(129) },
    { purpose: "x".repeat(257) },
    { requestId: "x".repeat(65) },
    { ttl: { seconds: -1n, nanos: 0 } },
    { ttl: { seconds: 1n, nanos: 1_000_000_000 } },
    { kind: EXCLUSIVE, pin: { fromVersion: 1n, toVersion: 1n } },
  ];
  for (const changes of wrong) await errorOf(acquire(store, changes), "INVALID_REQUEST");
  await errorOf(
    acquire(store, { pin: { fromVersion: undefined, toVersion: 3n } }),
    "VERSION_NOT_COMMITTED",
  );
});
