// Goal: what tests rely on: timers fire in order, at their time, and seeds repeat.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { ManualClock } from "./manual-clock.js";
import { SeededRandom } from "./seeded-random.js";
import { temporaryDirectory } from "./temporary-directory.js";
import { until } from "./until.js";

test("timers fire in order of time, then of setting, those set meanwhile too", () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  const note = (name: string) => () => void fired.push(`${name}@${clock.monotonicMs()}`);
  clock.setTimer(20, note("c"));
  clock.setTimer(10, () => {
    note("a")();
    clock.setTimer(5, note("nested"));
  });
  clock.setTimer(10, note("b"));
  clock.setTimer(15, note("cancelled")).cancel();
  clock.setTimer(21, note("late"));
  clock.advance(20);
  assert.deepEqual(fired, ["a@10", "b@10", "nested@15", "c@20"]);
  assert.equal(clock.pending, 1);
  assert.equal(clock.wallUs() - new ManualClock().wallUs(), 20_000n);
});

test("advanceAsync lets promises go on between timers", async () => {
  const clock = new ManualClock();
  const fired: number[] = [];
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i += 1) {
      await new Promise<void>((resolve) => clock.setTimer(10, resolve));
      fired.push(clock.monotonicMs());
    }
  };
  const done = loop();
  await clock.advanceAsync(30);
  await done;
  assert.deepEqual(fired, [10, 20, 30]);
});

test("a seed repeats, and another one gives something else", () => {
  const draw = (seed: number): Buffer => new SeededRandom(seed).bytes(1_001);
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
  const random = new SeededRandom(1);
  const seen = new Set(Array.from({ length: 1_000 }, () => random.int(10)));
  assert.equal(seen.size, 10);
  assert.deepEqual(random.shuffle([3, 1, 2]).sort(), [1, 2, 3]);
});

test("a temporary folder goes with its scope", async () => {
  let path = "";
  {
    await using directory = await temporaryDirectory();
    path = directory.path;
    assert.ok(existsSync(path));
  }
  assert.equal(existsSync(path), false);
});

test("until waits for a state", async () => {
  let calls = 0;
  await until(() => {
    calls += 1;
    return calls === 3;
  }, "three calls");
  assert.equal(calls, 3);
});
