// Goal: many shared leases or one exclusive one, durable before told, ended for good, fenced by a
// token that only grows, over restarts too.
// Method: a lessor on a manual clock, an in-memory store that can fail or hang, and a commit gate
// that can have a commit in flight.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError, limits, type Reason } from "@holdfast/core";
import { ACTIVE_LEASES_MAX, ENDED_LEASE_AGE_MS_MAX } from "./lease-table.js";
import { ask, BOUNDS, openBench, patient } from "./lessor.test-support.js";

function reason(expected: Reason): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.reason, expected);
    return true;
  };
}

async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
  const error = await promise.then(
    () => assert.fail("it was expected to fail"),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("shared leases go together and exclude an exclusive one", async () => {
  const { lessor, commits } = await openBench();
  const { lease } = await lessor.acquire(ask(), patient);
  await lessor.acquire(ask(), patient);
  await assert.rejects(lessor.acquire(ask({ kind: "exclusive" }), patient), reason("LEASE_HELD"));
  assert.equal(commits.paused, false);
  await lessor.release(lease.leaseId);
  await assert.rejects(lessor.acquire(ask({ kind: "exclusive" }), patient), reason("LEASE_HELD"));
  assert.equal(lessor.list(0n, 10).length, 1);
});

test("an exclusive lease excludes every other and pauses commits until its end", async () => {
  const { lessor, commits } = await openBench();
  const { lease } = await lessor.acquire(ask({ kind: "exclusive" }), patient);
  assert.equal(commits.paused, true);
  assert.equal(lease.pin, null);
  for (const kind of ["shared", "exclusive"] as const) {
    await assert.rejects(lessor.acquire(ask({ kind }), patient), reason("LEASE_HELD"));
  }
  await lessor.release(lease.leaseId);
  assert.equal(commits.paused, false);
  await lessor.acquire(ask(), patient);
});

test("a lease names the history at its grant, over a restore and a restart too", async () => {
  const bench = await openBench();
  for (const kind of ["shared", "exclusive"] as const) {
    bench.live.current = null;
    const { lease: ofEmpty } = await bench.lessor.acquire(ask({ kind }), patient);
    assert.equal(ofEmpty.historyId, null);
    await bench.lessor.release(ofEmpty.leaseId);
    bench.live.current = { ...BOUNDS, historyId: Buffer.alloc(16, "a") };
    const { lease } = await bench.lessor.acquire(ask({ kind }), patient);
    bench.live.current = { ...BOUNDS, historyId: Buffer.alloc(16, "b") };
    await bench.restart();
    const kept = await bench.lessor.release(lease.leaseId);
    assert.deepEqual(kept.historyId, Buffer.alloc(16, "a"));
  }
});

test("an exclusive grant names the history that the commit in flight begins", async () => {
  const { lessor, commits, live } = await openBench();
  live.current = null;
  let done = (): void => undefined;
  commits.inFlight = new Promise((resolve) => {
    done = resolve;
  });
  const granted = lessor.acquire(ask({ kind: "exclusive" }), patient);
  live.current = BOUNDS;
  done();
  assert.deepEqual((await granted).lease.historyId, BOUNDS.historyId);
});

test("who is refused is told holder, purpose, since, expiry, token and when to come back", async () => {
  const { lessor, clock } = await openBench();
  clock.advance(1_000);
  const { lease } = await lessor.acquire(
    ask({ kind: "exclusive", holderLabel: "job 7", purpose: "restore", ttlMs: 6_000 }),
    patient,
  );
  clock.advance(5_500);
  const error = await errorOf(lessor.acquire(ask(), patient));
  assert.equal(error.status, "ABORTED");
  assert.deepEqual(error.metadata, {
    lease_id: lease.leaseId,
    kind: "exclusive",
    holder: "job 7",
    purpose: "restore",
    since: "2024-01-01T00:00:01.000Z",
    expiry: "2024-01-01T00:00:07.000Z",
    token: "1",
  });
  assert.equal(error.retryAfterMs, 500);
});

test("an exclusive grant waits for the commit in flight", async () => {
  const { lessor, commits, store } = await openBench();
  let done = (): void => undefined;
  commits.inFlight = new Promise((resolve) => {
    done = resolve;
  });
  let granted = false;
  const grant = lessor.acquire(ask({ kind: "exclusive" }), patient).then(() => {
    granted = true;
  });
  await settle();
  assert.equal(granted, false);
  assert.equal(store.writes, 0, "nothing is written before the commit is done");
  done();
  await grant;
});

test("a caller that went while the commit was in flight gets no lease", async () => {
  const { lessor, commits } = await openBench();
  let done = (): void => undefined;
  commits.inFlight = new Promise((resolve) => {
    done = resolve;
  });
  const gone = new AbortController();
  const grant = lessor.acquire(ask({ kind: "exclusive" }), gone.signal);
  await settle();
  gone.abort(new HoldfastError("CANCELLED", "The caller went."));
  done();
  await assert.rejects(grant, reason("CANCELLED"));
  assert.equal(commits.paused, false);
  assert.equal(lessor.list(0n, 10).length, 0);
});

test("a grant is told only when it is durable, and fails with its write", async () => {
  const bench = await openBench();
  let through = (): void => undefined;
  bench.store.gate = new Promise((resolve) => {
    through = resolve;
  });
  let told = false;
  const grant = bench.lessor.acquire(ask(), patient).then(() => {
    told = true;
  });
  await settle();
  assert.equal(told, false);
  through();
  await grant;
  await bench.lessor.release("lease-1");

  bench.store.failing = new HoldfastError("ENGINE_FAILED", "no");
  const exclusive = ask({ kind: "exclusive" });
  await assert.rejects(bench.lessor.acquire(exclusive, patient), reason("ENGINE_FAILED"));
  assert.equal(bench.commits.paused, false, "commits go on");
  bench.store.failing = null;
  const { lease } = await bench.lessor.acquire(exclusive, patient);
  assert.equal(lease.token, 3n, "the token of the failed write is not used again");
});

test("a lease ends when its TTL does, and a renewal gives all of it again", async () => {
  const { lessor, clock, commits } = await openBench();
  const { lease } = await lessor.acquire(ask({ kind: "exclusive", ttlMs: 10_000 }), patient);
  await clock.advanceAsync(9_999);
  const renewed = await lessor.renew(lease.leaseId);
  assert.equal(renewed.expireTimeUs, clock.wallUs() + 10_000_000n);
  await clock.advanceAsync(9_999);
  assert.equal((await lessor.get(lease.leaseId)).state, "active");
  assert.equal(commits.paused, true);
  await clock.advanceAsync(1);
  assert.equal(commits.paused, false, "nobody has to call for the end to come");
  assert.equal((await lessor.get(lease.leaseId)).state, "expired");
  await assert.rejects(lessor.renew(lease.leaseId), reason("LEASE_EXPIRED"));
  await assert.rejects(
    lessor.requireExclusive(lease.leaseId, lease.token),
    reason("LEASE_EXPIRED"),
  );
});

test("a lease past its time is not renewed while its end is being written", async () => {
  const { lessor, clock, store } = await openBench();
  const { lease } = await lessor.acquire(ask({ ttlMs: 5_000 }), patient);
  let through = (): void => undefined;
  store.gate = new Promise((resolve) => {
    through = resolve;
  });
  clock.advance(5_000);
  const renewal = assert.rejects(lessor.renew(lease.leaseId), reason("LEASE_EXPIRED"));
  await settle();
  assert.equal(store.records.get(lease.leaseId)?.state, "active", "not durable yet");
  through();
  await renewal;
  assert.equal(store.records.get(lease.leaseId)?.state, "expired", "durable before told");
});

test("TTLs are clamped", async () => {
  const { lessor } = await openBench();
  const ttlOf = async (ttlMs: number | null) =>
    (await lessor.acquire(ask({ ttlMs }), patient)).lease.ttlMs;
  assert.equal(await ttlOf(null), limits.LEASE_TTL_MS_DEFAULT);
  assert.equal(await ttlOf(1), limits.LEASE_TTL_MS_MIN);
  assert.equal(await ttlOf(10 ** 9), limits.LEASE_TTL_MS_MAX);
});

test("after a restart every active lease has its full TTL, and tokens go on growing", async () => {
  const bench = await openBench();
  const { lease } = await bench.lessor.acquire(ask({ kind: "exclusive", ttlMs: 10_000 }), patient);
  await bench.clock.advanceAsync(9_000);
  await bench.restart();
  assert.equal(bench.commits.paused, true, "commits rest again");
  await bench.clock.advanceAsync(9_999);
  await bench.lessor.renew(lease.leaseId);
  await bench.lessor.break(lease.leaseId, null);
  await bench.restart();
  assert.equal(bench.commits.paused, false);
  await assert.rejects(bench.lessor.renew(lease.leaseId), reason("LEASE_BROKEN"));
  const next = await bench.lessor.acquire(ask(), patient);
  assert.ok(next.lease.token > lease.token);
});

test("a lease that expires in the turn of the next exclusive one leaves one pause", async () => {
  const { lessor, clock, commits } = await openBench();
  await lessor.acquire(ask({ kind: "exclusive", ttlMs: 5_000 }), patient);
  const leave = await lessor.exclusive();
  const next = lessor.acquire(ask({ kind: "exclusive" }), patient);
  clock.advance(5_000);
  leave();
  const { lease } = await next;
  assert.equal(commits.pauses, 1);
  await lessor.release(lease.leaseId);
  assert.equal(commits.pauses, 0);
});

test("release and break end a lease for good; both are idempotent", async () => {
  const { lessor } = await openBench();
  const first = (await lessor.acquire(ask(), patient)).lease;
  assert.equal((await lessor.release(first.leaseId)).state, "released");
  assert.equal((await lessor.release(first.leaseId)).state, "released");
  assert.equal((await lessor.break(first.leaseId, null)).state, "released", "it stays as it ended");
  await assert.rejects(lessor.renew(first.leaseId), reason("LEASE_RELEASED"));

  const second = (await lessor.acquire(ask(), patient)).lease;
  const fenced = await errorOf(lessor.break(second.leaseId, first.token));
  assert.equal(fenced.reason, "FENCED");
  assert.deepEqual(fenced.metadata, { token: "1", current_token: "2" });
  assert.equal((await lessor.break(second.leaseId, second.token)).state, "broken");
  await assert.rejects(lessor.renew(second.leaseId), reason("LEASE_BROKEN"));
  await assert.rejects(lessor.release("nobody's"), reason("LEASE_UNKNOWN"));
});

test("an ended lease is described for an hour, over a restart too, then forgotten", async () => {
  const bench = await openBench();
  const { lease } = await bench.lessor.acquire(ask(), patient);
  await bench.lessor.release(lease.leaseId);
  await bench.clock.advanceAsync(ENDED_LEASE_AGE_MS_MAX - 1);
  await bench.restart();
  assert.equal((await bench.lessor.get(lease.leaseId)).state, "released");
  await bench.clock.advanceAsync(1);
  await assert.rejects(bench.lessor.get(lease.leaseId), reason("LEASE_UNKNOWN"));
  await bench.lessor.acquire(ask(), patient);
  assert.equal(bench.store.records.has(lease.leaseId), false, "the row goes with the next write");
});

test("a repeated request id gets the same lease while it is active", async () => {
  const bench = await openBench();
  const request = ask({ requestId: "r1" });
  const first = await bench.lessor.acquire(request, patient);
  const again = await bench.lessor.acquire(request, patient);
  assert.equal(again.lease.leaseId, first.lease.leaseId);
  await bench.restart();
  const afterRestart = await bench.lessor.acquire(request, patient);
  assert.equal(afterRestart.lease.leaseId, first.lease.leaseId);
  await assert.rejects(
    bench.lessor.acquire(ask({ requestId: "r1", purpose: "another" }), patient),
    reason("REQUEST_ID_REUSED"),
  );
  await bench.lessor.release(first.lease.leaseId);
  const later = await bench.lessor.acquire(request, patient);
  assert.notEqual(later.lease.leaseId, first.lease.leaseId);
});

test("the table is bounded", async () => {
  const { lessor, clock } = await openBench();
  for (let i = 0; i < ACTIVE_LEASES_MAX; i++) await lessor.acquire(ask(), patient);
  const error = await errorOf(lessor.acquire(ask(), patient));
  assert.equal(error.reason, "TABLE_FULL");
  assert.ok((error.retryAfterMs ?? 0) > 0);
  await clock.advanceAsync(limits.LEASE_TTL_MS_DEFAULT);
  await lessor.acquire(ask(), patient);
});

test("a pin is chosen in the step of the grant and holds until the end", async () => {
  const { lessor, live } = await openBench();
  assert.deepEqual(lessor.oldestPinned(), {});
  const newest = await lessor.acquire(ask(), patient);
  assert.deepEqual(newest.lease.pin, { fromVersion: 29n, toVersion: 29n });
  assert.deepEqual(newest.bounds, live.current);
  const delta = await lessor.acquire(ask({ pin: { fromVersion: 8n, toVersion: 11n } }), patient);
  assert.deepEqual(lessor.oldestPinned(), { state: 11n, journal: 8n, ledger: 8n });
  await lessor.release(delta.lease.leaseId);
  assert.deepEqual(lessor.oldestPinned(), { state: 29n, journal: 29n, ledger: 29n });
  await lessor.release(newest.lease.leaseId);
  await lessor.acquire(ask({ kind: "exclusive" }), patient);
  assert.deepEqual(lessor.oldestPinned(), { state: 0n, journal: 0n, ledger: 0n });
});

test("wrong pins are refused, pruned ones are not", async () => {
  const { lessor, live } = await openBench();
  const pinned = (fromVersion: bigint | null, toVersion: bigint | null) =>
    lessor.acquire(ask({ pin: { fromVersion, toVersion } }), patient);
  await assert.rejects(pinned(null, 32n), reason("VERSION_NOT_COMMITTED"));
  await assert.rejects(pinned(12n, 11n), reason("INVALID_REQUEST"));
  const between = await errorOf(pinned(null, 12n));
  assert.equal(between.reason, "NOT_A_CHECKPOINT");
  assert.deepEqual(between.metadata, {
    version: "12",
    checkpoint_before: "11",
    checkpoint_after: "14",
  });
  await pinned(0n, 1n);
  live.current = null;
  assert.equal((await pinned(null, null)).lease.pin, null);
  await assert.rejects(pinned(null, 0n), reason("VERSION_NOT_COMMITTED"));
});

test("no pin is set while the pruner is in the critical section", async () => {
  const { lessor } = await openBench();
  const leave = await lessor.exclusive();
  let granted = false;
  const grant = lessor.acquire(ask(), patient).then(() => {
    granted = true;
  });
  await settle();
  assert.equal(granted, false);
  leave();
  await grant;
});

test("a guard ends its stream when the lease ends", async () => {
  const { lessor, clock, store } = await openBench();
  assert.throws(() => lessor.shared(""), reason("LEASE_REQUIRED"));
  assert.throws(() => lessor.shared("nobody's"), reason("LEASE_UNKNOWN"));
  const { lease } = await lessor.acquire(ask({ ttlMs: 5_000 }), patient);
  const guard = lessor.shared(lease.leaseId);
  const told: unknown[] = [];
  guard.onEnd((error) => told.push(error));
  const leave = guard.onEnd(() => assert.fail("this one left"));
  leave();
  guard.check();
  await clock.advanceAsync(5_000);
  assert.throws(() => guard.check(), reason("LEASE_EXPIRED"));
  assert.equal(told.length, 1);
  assert.ok(reason("LEASE_EXPIRED")(told[0]));
  assert.equal(store.records.get(lease.leaseId)?.state, "expired");
  const exclusive = await lessor.acquire(ask({ kind: "exclusive" }), patient);
  assert.throws(() => lessor.shared(exclusive.lease.leaseId), reason("LEASE_REQUIRED"));
});

test("an exclusive call needs the lease and its own token", async () => {
  const { lessor } = await openBench();
  const { lease } = await lessor.acquire(ask({ kind: "exclusive" }), patient);
  await lessor.requireExclusive(lease.leaseId, lease.token);
  await assert.rejects(lessor.requireExclusive("", lease.token), reason("LEASE_REQUIRED"));
  await assert.rejects(lessor.requireExclusive("nobody's", 1n), reason("LEASE_UNKNOWN"));
  await assert.rejects(lessor.requireExclusive(lease.leaseId, 0n), reason("FENCED"));
  await lessor.release(lease.leaseId);
  const shared = (await lessor.acquire(ask(), patient)).lease;
  await assert.rejects(
    lessor.requireExclusive(shared.leaseId, shared.token),
    reason("LEASE_REQUIRED"),
  );
});

test("a publish releases the lease in its own durable step, or leaves it held", async () => {
  const { lessor, commits } = await openBench();
  const { lease } = await lessor.acquire(ask({ kind: "exclusive" }), patient);
  const failed = lessor.releaseWith(lease.leaseId, lease.token, () =>
    Promise.reject(new HoldfastError("RESTORE_INCOMPLETE", "not yet")),
  );
  await assert.rejects(failed, reason("RESTORE_INCOMPLETE"));
  assert.equal(commits.paused, true);
  await lessor.requireExclusive(lease.leaseId, lease.token);

  const answer = await lessor.releaseWith(lease.leaseId, lease.token, async (released) => {
    assert.equal(released.state, "released");
    assert.equal(commits.paused, true, "commits rest until all is published");
    return "published";
  });
  assert.equal(answer, "published");
  assert.equal(commits.paused, false);
  await assert.rejects(
    lessor.releaseWith(lease.leaseId, lease.token, () => Promise.resolve()),
    reason("LEASE_RELEASED"),
  );
});

test("an expiry that can't be written is reported, and the lease still pins", async () => {
  const { lessor, clock, store, failures } = await openBench();
  await lessor.acquire(ask(), patient);
  store.failing = new HoldfastError("ENGINE_FAILED", "no");
  await clock.advanceAsync(limits.LEASE_TTL_MS_DEFAULT);
  assert.equal(failures.length, 1);
  assert.deepEqual(lessor.oldestPinned(), { state: 29n, journal: 29n, ledger: 29n });
});
