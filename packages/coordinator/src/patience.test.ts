// Goal: one retry loop: backoff, RetryInfo, and an end. Method: a clock that stands still.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { ManualClock } from "@holdfast/testing";
import { Patience } from "./patience.js";

const away = (retryAfterMs?: number): HoldfastError =>
  new HoldfastError(
    "STORAGE_UNAVAILABLE",
    "away",
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );

function patience(retryForMs: number): { clock: ManualClock; patience: Patience; waits: number[] } {
  const clock = new ManualClock();
  const waits: number[] = [];
  const made = new Patience({
    clock,
    retryForMs,
    signal: new AbortController().signal,
    random: () => 1,
    onRetry: (_, delayMs) => waits.push(delayMs),
  });
  return { clock, patience: made, waits };
}

test("waits longer each time, and not longer than the time that is left", async () => {
  const { clock, patience: job, waits } = patience(1_000);
  const error = away();
  const run = job.retry(() => Promise.reject(error));
  run.catch(() => undefined);
  await clock.advanceAsync(2_000);
  await assert.rejects(run, error);
  assert.deepEqual(waits, [100, 200, 400, 300]);
});

test("waits as long as the server asks, up to a minute", async () => {
  const { clock, patience: job, waits } = patience(600_000);
  let attempts = 0;
  const run = job.retry(async () => {
    attempts += 1;
    if (attempts < 3) throw away(attempts === 1 ? 7_000 : 1e9);
    return "done";
  });
  await clock.advanceAsync(67_000);
  assert.equal(await run, "done");
  assert.deepEqual(waits, [7_000, 60_000]);
});

test("the time begins with the first failure behind the last progress", async () => {
  const { clock, patience: job } = patience(1_000);
  const waits = async (ms: number): Promise<void> => {
    const pause = job.pause(away(ms));
    await clock.advanceAsync(ms);
    await pause;
  };
  clock.advance(5_000);
  await waits(900);
  job.progress();
  clock.advance(5_000);
  await waits(900);
  await waits(100);
  await assert.rejects(job.pause(away()), { reason: "STORAGE_UNAVAILABLE" });
});

test("what does not pass by itself is not tried again", async () => {
  const { patience: job } = patience(1_000);
  for (const reason of ["HISTORY_FORKED", "LEASE_EXPIRED", "PROOF_INVALID"] as const) {
    await assert.rejects(job.pause(new HoldfastError(reason, "no")), { reason });
  }
  await assert.rejects(job.pause(new TypeError("a fault")), TypeError);
});

test("an abort ends the wait with its reason", async () => {
  const abort = new AbortController();
  const clock = new ManualClock();
  const job = new Patience({ clock, retryForMs: 1_000, signal: abort.signal });
  const pause = job.pause(away());
  abort.abort(new Error("ended"));
  await assert.rejects(pause, /ended/);
});

test("a wait ends with what it is for, before the job does", async () => {
  const { clock, patience: job } = patience(600_000);
  const lease = new AbortController();
  const run = job.retry(() => Promise.reject(away(60_000)), lease.signal);
  run.catch(() => undefined);
  await clock.advanceAsync(1_000);
  lease.abort(new HoldfastError("LEASE_EXPIRED", "ended"));
  await assert.rejects(run, { reason: "LEASE_EXPIRED" });
  assert.equal(clock.pending, 0);
});
