// Goal: a wait that lasts is told once, at its time, whatever waits came before it.
import assert from "node:assert/strict";
import test from "node:test";
import { WaitTimer } from "@holdfast/core";
import { ManualClock } from "./index.js";

function timerOf(waitMs: number): { clock: ManualClock; timer: WaitTimer; fired: number[] } {
  const clock = new ManualClock();
  const fired: number[] = [];
  const timer = new WaitTimer(clock, waitMs, () => fired.push(clock.monotonicMs()));
  return { clock, timer, fired };
}

test("a wait that lasts is told once", () => {
  const { clock, timer, fired } = timerOf(100);
  const start = clock.monotonicMs();
  timer.begin();
  clock.advance(99);
  assert.deepEqual(fired, []);
  clock.advance(1);
  assert.deepEqual(fired, [start + 100]);
  clock.advance(1_000);
  assert.equal(fired.length, 1);
});

test("waits that end in time are not told, and the next has its whole time", () => {
  const { clock, timer, fired } = timerOf(100);
  const start = clock.monotonicMs();
  for (let i = 0; i < 10; i++) {
    timer.begin();
    clock.advance(60);
    timer.end();
  }
  timer.begin();
  clock.advance(99);
  assert.deepEqual(fired, []);
  clock.advance(1);
  assert.deepEqual(fired, [start + 700]);
});

test("a wait may have begun before, and go on after it was told", () => {
  const { clock, timer, fired } = timerOf(100);
  const start = clock.monotonicMs();
  clock.advance(70);
  timer.begin(start);
  clock.advance(30);
  timer.begin();
  clock.advance(100);
  assert.deepEqual(fired, [start + 100, start + 200]);
});

test("nothing is told after stop", () => {
  const { clock, timer, fired } = timerOf(100);
  timer.begin();
  timer.stop();
  clock.advance(1_000);
  assert.deepEqual(fired, []);
  assert.equal(clock.pending, 0);
});
