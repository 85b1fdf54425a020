// Goal: blocks wait in a bounded queue that callers can leave; a pause waits for what is in flight
// and loses nothing; a full disk refuses before anything is written.
// Method: an engine that finishes blocks when the test says so.
import { strict as assert } from "node:assert";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { until } from "@holdfast/testing";
import type { CommitAnswer } from "./block.js";
import { type CommitEngine, Committer } from "./committer.js";

class HeldEngine implements CommitEngine {
  readonly given: { readonly block: string; finish(): void; fail(error: Error): void }[] = [];
  readonly moves: string[] = [];

  commit(request: Buffer): Promise<CommitAnswer> {
    return new Promise((resolve, reject) => {
      const finish = (): void => resolve(answerOf(BigInt(this.given.length)));
      this.given.push({ block: request.toString(), finish, fail: reject });
    });
  }

  async moveTo(path: string): Promise<void> {
    this.moves.push(path);
  }

  async close(): Promise<void> {}
}

function answerOf(version: bigint): CommitAnswer {
  const nothing = Buffer.alloc(0);
  return {
    firstVersion: version,
    committedVersion: version,
    stateRoot: nothing,
    logRoot: nothing,
    commitTimeUs: 0n,
    ledgerId: nothing,
    historyId: nothing,
    repeatedRequest: false,
  };
}

const NEVER: AbortSignal = new AbortController().signal;
const ENOUGH = { check: async (): Promise<void> => undefined };
const RUNNING = 6;

/** A committer with `count` blocks given to it, in order. */
async function loaded(count: number): Promise<{
  engine: HeldEngine;
  committer: Committer;
  results: Promise<unknown>[];
}> {
  const engine = new HeldEngine();
  const committer = new Committer(engine, ENOUGH);
  const results = Array.from({ length: count }, (_, index) =>
    committer.commit(Buffer.from(`block ${index}`), NEVER).catch((error: unknown) => error),
  );
  const waiting = Math.max(0, count - RUNNING);
  await until(
    () => engine.given.length + waiting === count && committer.counts.waiting === waiting,
    "all blocks have come",
  );
  return { engine, committer, results };
}

test("blocks reach the engine in order, a few at a time", async () => {
  const { engine, committer, results } = await loaded(20);
  assert.equal(engine.given.length, RUNNING);
  for (let index = 0; index < 20; index++) {
    await until(() => engine.given.length > index, `block ${index} is with the engine`);
    engine.given[index]?.finish();
    await results[index];
    assert.ok(engine.given.length <= index + 1 + RUNNING, "never more at a time");
  }
  assert.deepEqual(
    engine.given.map(({ block }) => block),
    Array.from({ length: 20 }, (_, index) => `block ${index}`),
  );
  assert.equal(committer.counts.blocks, 20);
  assert.equal(committer.counts.running, 0);
});

test("a full queue refuses at once", async () => {
  const { committer } = await loaded(RUNNING + 256);
  await assert.rejects(committer.commit(Buffer.from("one more"), NEVER), {
    reason: "COMMIT_QUEUE_FULL",
    retryAfterMs: 250,
  });
  assert.equal(committer.counts.refused, 1);
});

test("waiting blocks are bounded by their bytes too", async () => {
  const { committer } = await loaded(RUNNING);
  const large = Buffer.alloc(3 * 2 ** 20);
  const waiting = Array.from({ length: 21 }, () => committer.commit(large, NEVER));
  for (const block of waiting) block.catch(() => undefined);
  await until(() => committer.counts.waiting === 21, "63 MiB wait");
  await assert.rejects(committer.commit(large, NEVER), { reason: "COMMIT_QUEUE_FULL" });
});

test("a caller that goes leaves the queue; one with the engine is committed", async () => {
  const { engine, committer, results } = await loaded(RUNNING);
  const gone = new AbortController();
  const left = committer.commit(Buffer.from("gone"), gone.signal);
  await until(() => committer.counts.waiting === 1, "it waits");
  gone.abort(new HoldfastError("CANCELLED", "the caller went away"));
  await assert.rejects(left, { reason: "CANCELLED" });
  assert.equal(committer.counts.waiting, 0);
  for (const { finish } of engine.given) finish();
  await Promise.all(results);
  assert.ok(!engine.given.some(({ block }) => block === "gone"));
  await assert.rejects(committer.commit(Buffer.from("late"), gone.signal), { reason: "CANCELLED" });
});

test("a pause refuses who waits, waits for the engine, and ends", async () => {
  const { engine, committer, results } = await loaded(RUNNING + 3);
  let paused = false;
  const pausing = committer.pause().then((resume) => {
    paused = true;
    return resume;
  });
  const refused = await Promise.all(results.slice(RUNNING));
  for (const error of refused) assert.equal((error as HoldfastError).reason, "RESTORE_IN_PROGRESS");
  await assert.rejects(committer.commit(Buffer.from("new"), NEVER), {
    reason: "RESTORE_IN_PROGRESS",
    retryAfterMs: 1_000,
  });
  for (const [index, { finish }] of engine.given.entries()) {
    assert.equal(paused, false, "blocks are in flight");
    finish();
    await results[index];
  }
  const resume = await pausing;
  assert.equal(engine.given.length, RUNNING, "nothing reached the engine meanwhile");
  // Another pause keeps it paused when this one ends, however often it is ended.
  const other = await committer.pause();
  resume();
  resume();
  await assert.rejects(committer.commit(Buffer.from("new"), NEVER), {
    reason: "RESTORE_IN_PROGRESS",
  });
  other();
  const next = committer.commit(Buffer.from("after"), NEVER);
  await until(() => engine.given.length === RUNNING + 1, "blocks go on");
  engine.given.at(-1)?.finish();
  await next;
});

test("the engine moves to another generation while paused", async () => {
  const { engine, committer, results } = await loaded(1);
  await assert.rejects(committer.moveTo("next"), /pause/);
  engine.given[0]?.finish();
  await results[0];
  await assert.rejects(committer.moveTo("next"), /pause/);
  const resume = await committer.pause();
  await committer.moveTo("next");
  assert.deepEqual(engine.moves, ["next"]);
  resume();
  const block = committer.commit(Buffer.from("later"), NEVER);
  await until(() => engine.given.length === 2, "the engine has it");
  engine.given[1]?.finish();
  await block;
});

test("a block that is wrong frees its place", async () => {
  const { engine, committer, results } = await loaded(1);
  engine.given[0]?.fail(new HoldfastError("INVALID_REQUEST", "wrong"));
  assert.equal(((await results[0]) as HoldfastError).reason, "INVALID_REQUEST");
  assert.equal(committer.counts.running, 0);
  assert.equal(committer.counts.blocks, 0);
});

test("a disk that is nearly full refuses before the engine has it", async () => {
  const engine = new HeldEngine();
  const committer = new Committer(engine, {
    check: () => Promise.reject(new HoldfastError("DISK_LOW", "free disk")),
  });
  await assert.rejects(committer.commit(Buffer.from("block"), NEVER), { reason: "DISK_LOW" });
  assert.equal(engine.given.length, 0);
});
