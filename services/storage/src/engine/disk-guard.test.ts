// Goal: writes are refused below the mark and only there; the disk is not looked at for each block.
import { strict as assert } from "node:assert";
import test from "node:test";
import { ManualClock } from "@holdfast/testing";
import { FreeDiskGuard, freeDiskBytes } from "./disk-guard.js";

test("refuses below the mark, and takes blocks again once disk is freed", async () => {
  const clock = new ManualClock();
  let free = 1_000n;
  let looks = 0;
  const look = async (): Promise<bigint> => {
    looks += 1;
    return free;
  };
  const guard = new FreeDiskGuard(look, 1_000n, clock);
  await guard.check();
  await guard.check();
  assert.equal(looks, 1, "one look counts for a second");
  free = 999n;
  await guard.check();
  clock.advance(1_000);
  await assert.rejects(guard.check(), {
    reason: "DISK_LOW",
    metadata: { free_bytes: "999", low_bytes: "1000" },
  });
  free = 1_000n;
  await guard.check();
});

test("who only looks sees the disk of the last second", async () => {
  const clock = new ManualClock();
  let free = 7n;
  const guard = new FreeDiskGuard(async () => free, 1_000n, clock);
  assert.equal(await guard.freeBytes(), 7n);
  free = 8n;
  assert.equal(await guard.freeBytes(), 7n);
  clock.advance(1_000);
  assert.equal(await guard.freeBytes(), 8n);
});

test("callers of one moment share a look, and a look that fails is no look", async () => {
  const looks: { answer: (free: bigint) => void; fail: (error: Error) => void }[] = [];
  const look = () =>
    new Promise<bigint>((answer, fail) => {
      looks.push({ answer, fail });
    });
  const guard = new FreeDiskGuard(look, 1_000n, new ManualClock());
  const failed = [guard.check(), guard.check(), guard.freeBytes()].map((call) =>
    assert.rejects(call, /no disk/),
  );
  assert.equal(looks.length, 1);
  looks[0]?.fail(new Error("no disk"));
  await Promise.all(failed);
  const checks = [guard.check(), guard.check()];
  assert.equal(looks.length, 2);
  looks[1]?.answer(1_000n);
  await Promise.all(checks);
});

test("the real disk has free bytes", async () => {
  assert.ok((await freeDiskBytes("/")) >= 0n);
});
