// Goal: a lease renews itself and stops its job in time. Method: a fake LeaseService and a clock
// that stands still.
import assert from "node:assert/strict";
import test from "node:test";
import { lease } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { unary } from "@holdfast/rpc";
import { ManualClock, until } from "@holdfast/testing";
import { JobLease } from "./job-lease.js";
import { Patience } from "./patience.js";
import { type FakeGateway, fakeGateway } from "./test-support/fake-gateway.js";

function granted(): lease.Lease {
  return {
    leaseId: "lease-1",
    fencingToken: 7n,
    kind: lease.LeaseKind.SHARED,
    state: lease.LeaseState.ACTIVE,
    holderLabel: "",
    purpose: "",
    acquireTime: undefined,
    expireTime: undefined,
    ttl: { seconds: 30n, nanos: 0 },
    pin: { fromVersion: 3n, toVersion: 9n },
    historyId: Buffer.alloc(16, "h"),
  };
}

interface Log {
  readonly acquires: lease.AcquireLeaseRequest[];
  readonly released: string[];
  renewals: number;
}

async function setUp(
  acquire: (attempt: number) => void = () => undefined,
  renew: () => void = () => undefined,
): Promise<
  { log: Log; gateway: FakeGateway; clock: ManualClock; abort: AbortController } & AsyncDisposable
> {
  const log: Log = { acquires: [], released: [], renewals: 0 };
  const gateway = await fakeGateway({
    acquireLease: unary<lease.AcquireLeaseRequest, lease.AcquireLeaseResponse>(async (request) => {
      log.acquires.push(request);
      acquire(log.acquires.length);
      return { lease: granted(), oldestStateVersion: 1n, oldestJournalVersion: 2n };
    }),
    renewLease: unary<lease.RenewLeaseRequest, lease.RenewLeaseResponse>(async () => {
      log.renewals += 1;
      renew();
      return { lease: granted() };
    }),
    releaseLease: unary<lease.ReleaseLeaseRequest, lease.ReleaseLeaseResponse>(async (request) => {
      log.released.push(request.leaseId);
      return {};
    }),
  });
  return {
    log,
    gateway,
    clock: new ManualClock(),
    abort: new AbortController(),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

type SetUp = Awaited<ReturnType<typeof setUp>>;

function acquire({ gateway, clock, abort }: SetUp, retryForMs = 60_000): Promise<JobLease> {
  const { signal } = abort;
  const patience = new Patience({ clock, retryForMs, signal, random: () => 1 });
  return JobLease.acquire(
    { kind: "shared", purpose: "test", fromVersion: 3n },
    { gateways: gateway.gateways, clock, patience, signal },
  );
}

test("it is acquired with its pin, and released", async () => {
  await using setup = await setUp();
  {
    await using held = await acquire(setup);
    assert.equal(held.leaseId, "lease-1");
    assert.equal(held.fencingToken, 7n);
    assert.equal(held.toVersion, 9n);
    assert.equal(held.oldestJournal, 2n);
  }
  const [request] = setup.log.acquires;
  assert.equal(request?.kind, lease.LeaseKind.SHARED);
  assert.deepEqual(request?.pin, { fromVersion: 3n, toVersion: undefined });
  assert.deepEqual(setup.log.released, ["lease-1"]);
  assert.equal(setup.clock.pending, 0, "no timer is left");
});

test("it renews itself every third of the TTL", async () => {
  await using setup = await setUp();
  await using held = await acquire(setup);
  for (let renewal = 1; renewal <= 12; renewal++) {
    setup.clock.advance(10_000);
    await until(() => setup.log.renewals === renewal, "the renewal was asked for");
    await until(() => setup.clock.pending === 2, "the renewal was answered");
  }
  assert.equal(held.signal.aborted, false);
});

test("the job stops at 80 % of the TTL without a renewal", async () => {
  const away = () => {
    throw new HoldfastError("STORAGE_UNAVAILABLE", "away");
  };
  await using setup = await setUp(undefined, away);
  await using held = await acquire(setup);
  await setup.clock.advanceAsync(23_900);
  assert.equal(held.signal.aborted, false);
  setup.clock.advance(200);
  assert.equal(held.signal.aborted, true);
  assert.equal((held.signal.reason as HoldfastError).reason, "LEASE_EXPIRED");
});

test("the job stops at once when its lease was broken", async () => {
  const broken = () => {
    throw new HoldfastError("LEASE_BROKEN", "by an operator");
  };
  await using setup = await setUp(undefined, broken);
  await using held = await acquire(setup);
  setup.clock.advance(10_000);
  await until(() => held.signal.aborted, "the lease is known to be broken");
  assert.equal((held.signal.reason as HoldfastError).reason, "LEASE_BROKEN");
});

test("LEASE_HELD is tried again as long as the patience lasts", async () => {
  const heldTwice = (attempt: number) => {
    if (attempt <= 2) throw new HoldfastError("LEASE_HELD", "held", { retryAfterMs: 5_000 });
  };
  await using setup = await setUp(heldTwice);
  const acquiring = acquire(setup);
  for (const attempts of [1, 2]) {
    await until(() => setup.log.acquires.length === attempts, `attempt ${attempts}`);
    await until(() => setup.clock.pending === 1, "it waits");
    setup.clock.advance(5_000);
  }
  await using held = await acquiring;
  assert.equal(held.leaseId, "lease-1");
  const ids = new Set(setup.log.acquires.map(({ requestId }) => requestId));
  assert.equal(ids.size, 1, "a repeat is the same request");
});

test("LEASE_HELD is thrown when the patience has ended", async () => {
  await using setup = await setUp(() => {
    throw new HoldfastError("LEASE_HELD", "held");
  });
  await assert.rejects(acquire(setup, 0), { reason: "LEASE_HELD" });
});

test("it is released also when the job is ended", async () => {
  await using setup = await setUp();
  {
    await using held = await acquire(setup);
    setup.abort.abort(new Error("ended"));
    assert.equal(held.signal.aborted, true);
  }
  assert.deepEqual(setup.log.released, ["lease-1"]);
});
