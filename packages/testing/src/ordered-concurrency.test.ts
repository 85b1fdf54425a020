// Of @holdfast/core, which cannot import this package.
// Goal: results in order, at most n at work, and no work behind an error.
// Method: tasks whose end the test decides; random ones for order and bound.
import assert from "node:assert/strict";
import test from "node:test";
import { orderedConcurrency } from "@holdfast/core";
import { SeededRandom } from "./seeded-random.js";
import { until } from "./until.js";

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* counting(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i += 1) yield i;
}

test("results come in order, at most n at work", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  for (const concurrency of [1, 2, 7]) {
    let running = 0;
    let most = 0;
    const results: number[] = [];
    const work = async (i: number): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      for (let turns = random.int(5); turns > 0; turns -= 1) await turn();
      running -= 1;
      return i * 2;
    };
    for await (const result of orderedConcurrency(counting(60), concurrency, work, never)) {
      results.push(result);
    }
    assert.deepEqual(
      results,
      Array.from({ length: 60 }, (_, i) => i * 2),
    );
    assert.ok(most <= concurrency, `${most} at work, ${concurrency} allowed`);
  }
});

test("as many are at work as may be, and no more while none has ended", async () => {
  for (const concurrency of [1, 2, 7]) {
    const open: (() => void)[] = [];
    const work = (i: number): Promise<number> =>
      new Promise((resolve) => open.push(() => resolve(i)));
    const results = orderedConcurrency(counting(20), concurrency, work, never);
    for (let i = 0; i < 20; i += 1) {
      const result = results.next();
      const begun = Math.min(i + concurrency, 20);
      await until(() => open.length >= begun, `task ${begun} to begin`);
      // Turns in which one more could begin.
      for (let turns = 0; turns < 5; turns += 1) await turn();
      assert.equal(open.length, begun, `${concurrency} at most, ${i} results taken`);
      open[i]?.();
      assert.deepEqual(await result, { done: false, value: i });
    }
    assert.equal((await results.next()).done, true);
  }
});

test("nothing to do gives nothing, and arrays do too", async () => {
  for (const items of [[], [1, 2]]) {
    const results: number[] = [];
    for await (const result of orderedConcurrency(items, 3, async (i) => i, never)) {
      results.push(result);
    }
    assert.deepEqual(results, items);
  }
});

test("a failure aborts the others, awaits them, and is the one in time", async () => {
  const ended: number[] = [];
  const work = async (i: number, signal: AbortSignal): Promise<number> => {
    if (i === 2) throw new Error("task 2");
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    await turn();
    ended.push(i);
    throw new Error(`task ${i} was aborted`);
  };
  let started = 0;
  async function* items(): AsyncGenerator<number> {
    for (let i = 0; ; i += 1) {
      started = i;
      yield i;
    }
  }
  const results = orderedConcurrency(items(), 4, work, never);
  await assert.rejects(results.next(), /^Error: task 2$/);
  assert.deepEqual(
    ended.filter((i) => i < 2),
    [0, 1],
    "all that ran has ended",
  );
  assert.ok(started <= 4, "nothing was begun after the failure");
});

test("a synchronous throw and a failing source are failures like any other", async () => {
  const thrower = (): Promise<number> => {
    throw new Error("sync");
  };
  await assert.rejects(orderedConcurrency([1], 2, thrower, never).next(), /sync/);
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    throw new Error("source");
  }
  const results = orderedConcurrency(broken(), 1, async (i) => i, never);
  assert.deepEqual(await results.next(), { done: false, value: 1 });
  await assert.rejects(results.next(), /source/);
});

test("a consumer that leaves aborts and awaits what runs, and closes the source", async () => {
  let settled = 0;
  let closed = false;
  async function* items(): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i += 1) yield i;
    } finally {
      closed = true;
    }
  }
  const work = async (i: number, signal: AbortSignal): Promise<number> => {
    if (i === 0) return i;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    await turn();
    settled += 1;
    return i;
  };
  for await (const result of orderedConcurrency(items(), 3, work, never)) {
    assert.equal(result, 0);
    break;
  }
  const after = settled;
  await turn();
  await turn();
  assert.equal(settled, after, "nothing goes on behind the loop");
  assert.equal(closed, true);
});

test("the signal ends it with its reason, a stuck source or not", async () => {
  const stuck: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }),
  };
  const stop = new AbortController();
  const result = orderedConcurrency(stuck, 2, async (i) => i, stop.signal).next();
  const ended = assert.rejects(result, /stop/);
  await turn();
  stop.abort(new Error("stop"));
  await ended;
  await assert.rejects(orderedConcurrency([1], 1, async (i) => i, stop.signal).next(), /stop/);
});
