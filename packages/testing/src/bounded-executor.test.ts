// Of @holdfast/core, which cannot import this package.
// Goal: nothing queues without bound, nobody overtakes, and no slot is lost.
// Method: a manual clock; random scripts against the invariant running <= slots.
import assert from "node:assert/strict";
import test from "node:test";
import { BoundedExecutor, HoldfastError } from "@holdfast/core";
import { ManualClock } from "./manual-clock.js";
import { SeededRandom } from "./seeded-random.js";

const LIMITS = { slots: 2, waitersMax: 3, waitMsMax: 20_000 };
const never = new AbortController().signal;

const isNoSlot = (error: unknown): boolean =>
  error instanceof HoldfastError && error.reason === "NO_SLOT" && error.retryAfterMs !== undefined;

test("slots first, then the list in order of arrival, then refusal", async () => {
  const executor = new BoundedExecutor(LIMITS, new ManualClock());
  const order: number[] = [];
  const take = (i: number) =>
    executor.acquire(never).then((release) => {
      order.push(i);
      return release;
    });
  const taken = [0, 1, 2, 3, 4].map(take);
  await assert.rejects(take(5), isNoSlot);
  assert.deepEqual(executor.counts, {
    running: 2,
    waiting: 3,
    refused: 1,
    timedOut: 0,
    abandoned: 0,
  });
  for (const each of taken) (await each)();
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.equal(executor.counts.running, 0);
});

test("who waits too long is refused and leaves the list", async () => {
  const clock = new ManualClock();
  const executor = new BoundedExecutor({ ...LIMITS, slots: 1 }, clock);
  const release = await executor.acquire(never);
  const waiter = executor.acquire(never);
  const refused = assert.rejects(waiter, isNoSlot);
  clock.advance(20_000);
  await refused;
  assert.equal(executor.counts.waiting, 0);
  assert.equal(executor.counts.timedOut, 1);
  release();
  (await executor.acquire(never))();
});

test("who has gone leaves the list, and the next one moves up", async () => {
  const clock = new ManualClock();
  const executor = new BoundedExecutor({ ...LIMITS, slots: 1 }, clock);
  const release = await executor.acquire(never);
  const gone = new AbortController();
  const first = assert.rejects(executor.acquire(gone.signal), /gone/);
  const second = executor.acquire(never);
  gone.abort(new Error("gone"));
  await first;
  release();
  (await second)();
  assert.equal(executor.counts.abandoned, 1);
  assert.equal(executor.counts.running, 0);
  assert.equal(clock.pending, 0, "no timer is left");
  await assert.rejects(executor.acquire(gone.signal), /gone/);
});

test("releasing twice frees one slot", async () => {
  const executor = new BoundedExecutor({ ...LIMITS, slots: 1 }, new ManualClock());
  const release = await executor.acquire(never);
  const second = executor.acquire(never);
  release();
  release();
  const releaseSecond = await second;
  assert.equal(executor.counts.running, 1);
  releaseSecond();
  assert.equal(executor.counts.running, 0);
});

test("a task that throws gives its slot back", async () => {
  const executor = new BoundedExecutor(LIMITS, new ManualClock());
  await assert.rejects(
    executor.run(never, () => Promise.reject(new Error("mine"))),
    /mine/,
  );
  assert.equal(await executor.run(never, async () => 7), 7);
  assert.equal(executor.counts.running, 0);
});

test("random scripts keep the bounds and lose no slot", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  const clock = new ManualClock();
  const limits = { slots: 3, waitersMax: 5, waitMsMax: 100 };
  const executor = new BoundedExecutor(limits, clock);
  const releases: (() => void)[] = [];
  const controllers: AbortController[] = [];
  let pending = 0;
  for (let step = 0; step < 3_000; step += 1) {
    const action = random.int(4);
    if (action === 0) {
      const controller = new AbortController();
      controllers.push(controller);
      pending += 1;
      executor
        .acquire(controller.signal)
        .then(
          (release) => releases.push(release),
          () => undefined,
        )
        .finally(() => {
          pending -= 1;
        });
    } else if (action === 1 && releases.length > 0) {
      releases.splice(random.int(releases.length), 1)[0]?.();
    } else if (action === 2 && controllers.length > 0) {
      controllers.splice(random.int(controllers.length), 1)[0]?.abort();
    } else clock.advance(random.int(30));
    await new Promise((resolve) => setImmediate(resolve));
    const { running, waiting } = executor.counts;
    assert.ok(running <= limits.slots && waiting <= limits.waitersMax, `step ${step}`);
    assert.equal(running, releases.length, `step ${step}: every slot has a holder`);
    assert.equal(waiting, pending, `step ${step}: every waiter is in the list`);
    assert.ok(waiting === 0 || running === limits.slots, `step ${step}: nobody waits in vain`);
  }
});
