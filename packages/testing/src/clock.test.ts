// Of @holdfast/core, which cannot import this package.
// Goal: waiting obeys its signal and leaves nothing behind; child signals do not leak.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import test from "node:test";
import { ChildAbort, sleep } from "@holdfast/core";
import { ManualClock } from "./manual-clock.js";

test("sleep ends at its time, or with the signal's reason", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const slept = sleep(clock, 1_000, stop.signal);
  clock.advance(1_000);
  await slept;
  const cut = assert.rejects(sleep(clock, 1_000, stop.signal), /stop/);
  stop.abort(new Error("stop"));
  await cut;
  await assert.rejects(sleep(clock, 1_000, stop.signal), /stop/);
  assert.equal(clock.pending, 0);
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);
});

test("a child follows its parent until it is disposed, and never the other way", () => {
  const parent = new AbortController();
  const child = new ChildAbort(parent.signal);
  child.abort("mine");
  assert.equal(parent.signal.aborted, false);
  {
    using second = new ChildAbort(parent.signal);
    assert.equal(second.signal.aborted, false);
  }
  child[Symbol.dispose]();
  assert.equal(getEventListeners(parent.signal, "abort").length, 0);
  const third = new ChildAbort(parent.signal);
  parent.abort("parent");
  assert.equal(third.signal.reason, "parent");
  assert.equal(child.signal.reason, "mine");
  assert.equal(new ChildAbort(parent.signal).signal.reason, "parent");
});
