// Goal: storage counts as away 5 s after its last answer, and as back with the next one.
// Method: a clock moved by hand and a scripted check.
import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@holdfast/testing";
import { StorageProbe } from "./storage-probe.js";

function probing(): {
  clock: ManualClock;
  probe: StorageProbe;
  log: string[];
  set: (answer: "yes" | "no" | "hangs") => void;
} {
  const clock = new ManualClock();
  const log: string[] = [];
  let answer = "yes";
  const probe = new StorageProbe({
    clock,
    check: (signal) => {
      if (answer === "yes") return Promise.resolve();
      if (answer === "no") return Promise.reject(new Error("no"));
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
    onPresent: () => log.push("there"),
    onAway: (error) => log.push(error instanceof Error ? `away: ${error.message}` : "away"),
    onRecovered: () => log.push("recovered"),
  });
  return {
    clock,
    probe,
    log,
    set: (next) => {
      answer = next;
    },
  };
}

test("away 5 s after the last answer, back with the next one", async () => {
  const { clock, probe, log, set } = probing();
  await probe.start();
  assert.deepEqual(log, ["there"]);
  await clock.advanceAsync(60_000);
  assert.deepEqual(log, ["there"]);
  set("no");
  await clock.advanceAsync(4_000);
  assert.equal(probe.present, true, "a short absence is none");
  await clock.advanceAsync(1_100);
  assert.deepEqual(log, ["there", "away: no"]);
  await clock.advanceAsync(30_000);
  set("yes");
  await clock.advanceAsync(1_000);
  assert.deepEqual(log, ["there", "away: no", "recovered", "there"]);
  await probe.stop();
});

test("a short absence changes nothing but the connections", async () => {
  const { clock, probe, log, set } = probing();
  await probe.start();
  set("no");
  await clock.advanceAsync(2_000);
  set("yes");
  await clock.advanceAsync(1_000);
  assert.deepEqual(log, ["there", "recovered"]);
  await probe.stop();
});

test("not there at the start, and an answer that never comes", async () => {
  const { clock, probe, log, set } = probing();
  set("no");
  await probe.start();
  assert.equal(probe.present, false);
  assert.deepEqual(log, ["away: no"], "who waits for it is told at once");
  set("yes");
  await clock.advanceAsync(1_000);
  assert.deepEqual(log, ["away: no", "recovered", "there"]);
  set("hangs");
  await clock.advanceAsync(6_000);
  assert.deepEqual(log, ["away: no", "recovered", "there", "away"]);
  await probe.stop();
  assert.equal(clock.pending, 0, "nothing is left behind");
});
