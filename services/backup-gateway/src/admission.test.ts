// Goal: nothing queues without bound, and who waits is served, refused or forgotten.
// Method: real sockets, few slots, a clock moved by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { callUnary } from "@holdfast/rpc";
import { ManualClock, until } from "@holdfast/testing";
import type { FakeStream } from "./test-support/fake-storage.js";
import {
  clientsOf,
  type Fixture,
  fixture,
  metric,
  NEVER,
  partsOf,
  pausedStream,
  readSnapshot,
} from "./test-support/fixture.js";
import { HEADER, TRAILER } from "./test-support/frames.js";

const call = { signal: NEVER, timeoutMs: 60_000 };

/** Streams that stay open until `finish` is called on them. */
function holdStreams({ storage }: Fixture): { finish: (index: number) => Promise<void> } {
  storage.script.stream = (stream: FakeStream) => stream.send(HEADER);
  return {
    finish: async (index) => {
      const stream = storage.streams[index];
      await stream?.send(TRAILER);
      stream?.end();
    },
  };
}

function assertNoSlot(error: unknown): void {
  assert.ok(error instanceof HoldfastError && error.reason === "NO_SLOT", String(error));
  assert.ok((error.retryAfterMs ?? 0) > 0, "it says when to come back");
}

test("slots are given in order; a full list refuses at once; a long wait ends", async () => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock, times: { admission: { streamWaitersMax: 2 } } }, [
    "--slots",
    "2",
  ]);
  const { storage, gateway, clients } = setup;
  const held = holdStreams(setup);
  const waiting = (): Promise<number> => metric(gateway, "holdfast_gateway_stream_waiting_calls");
  const first = readSnapshot(clients);
  const second = readSnapshot(clients);
  await until(() => storage.streams.length === 2, "both slots are taken");
  const third = readSnapshot(clients);
  await until(async () => (await waiting()) === 1, "the third waits");
  const fourth = readSnapshot(clients);
  await until(async () => (await waiting()) === 2, "the fourth waits");

  assertNoSlot((await readSnapshot(clients)).error);
  assert.equal(storage.streams.length, 2, "storage has not heard of those that wait");

  await held.finish(0);
  assert.equal((await first).error, null);
  await until(() => storage.streams.length === 3, "the third got the slot of the first");

  await clock.advanceAsync(20_000);
  const refused = await fourth;
  assertNoSlot(refused.error);
  assert.deepEqual(partsOf(refused), [], "nothing was sent before the slot");

  await held.finish(1);
  await held.finish(2);
  for (const end of [await second, await third]) {
    const parts = partsOf(end).filter((part) => part !== "heartbeat");
    assert.deepEqual(parts, ["header", "trailer"]);
  }
  await until(
    async () => (await metric(gateway, "holdfast_gateway_stream_slots_taken")) === 0,
    "every slot is free",
  );
  assert.equal(await metric(gateway, "holdfast_gateway_stream_calls_refused_total"), 2);
});

test("who leaves while waiting is forgotten, whether it says so or not", async (context) => {
  await using setup = await fixture({}, ["--slots", "1"]);
  const { storage, gateway, clients } = setup;
  const held = holdStreams(setup);
  const waiting = (): Promise<number> => metric(gateway, "holdfast_gateway_stream_waiting_calls");
  const first = readSnapshot(clients);
  await until(() => storage.streams.length === 1, "the slot is taken");

  await context.test("cancelled", async () => {
    const controller = new AbortController();
    const cancelled = readSnapshot(clients, controller.signal);
    await until(async () => (await waiting()) === 1, "it waits");
    controller.abort(new Error("changed my mind"));
    await until(async () => (await waiting()) === 0, "it is forgotten");
    assert.match(String((await cancelled).error), /changed my mind/);
  });
  await context.test("its connection is gone", async () => {
    const gone = pausedStream(gateway.listen);
    await until(async () => (await waiting()) === 1, "it waits");
    gone[Symbol.dispose]();
    await until(async () => (await waiting()) === 0, "it is forgotten");
  });
  assert.equal(await metric(gateway, "holdfast_gateway_stream_waits_abandoned_total"), 2);
  await held.finish(0);
  assert.equal((await first).error, null);
  assert.equal(storage.streams.length, 1, "storage never heard of those that left");
});

test("uploads hold slots too; renewals and proofs get through when none is left", async () => {
  await using setup = await fixture({}, ["--slots", "1"]);
  const { storage, clients, gateway } = setup;
  storage.script.upload = async (upload) => {
    for await (const _ of upload.parts());
    upload.answer(Buffer.alloc(0));
  };
  const upload = clients.restore.uploadStateTiles(() => undefined);
  await until(() => storage.uploads.length === 1, "the upload holds the slot");
  const stream = readSnapshot(clients);
  await until(
    async () => (await metric(gateway, "holdfast_gateway_stream_waiting_calls")) === 1,
    "the stream waits",
  );
  const { lease, backup } = clients;
  await callUnary(lease.renewLease.bind(lease), { leaseId: "lease-1" }, call);
  await callUnary(backup.getDbState.bind(backup), {}, call);
  holdStreams(setup);
  upload.end();
  await until(() => storage.streams.length === 1, "the stream got the slot of the upload");
  await storage.streams[0]?.send(TRAILER);
  storage.streams[0]?.end();
  assert.equal((await stream).error, null);
});

test("the contract's numbers: 256 streams, 1,000 waiting, one more is refused", async () => {
  await using setup = await fixture();
  const { storage, gateway } = setup;
  const held = holdStreams(setup);
  using crowd = clientsOf(gateway.listen);
  const leave = new AbortController();
  const served = Array.from({ length: 256 }, () => readSnapshot(crowd, leave.signal));
  await until(() => storage.streams.length === 256, "256 streams run");
  const waiters = Array.from({ length: 1_000 }, () => readSnapshot(crowd, leave.signal));
  await until(
    async () => (await metric(gateway, "holdfast_gateway_stream_waiting_calls")) === 1_000,
    "1,000 wait",
  );
  assertNoSlot((await readSnapshot(setup.clients)).error);
  await held.finish(0);
  await until(() => storage.streams.length === 257, "a slot that is free is taken");
  leave.abort(new Error("enough"));
  await Promise.all([...served, ...waiters]);
  await until(
    async () => (await metric(gateway, "holdfast_gateway_stream_slots_taken")) === 0,
    "every slot is free",
  );
  // When all leave at once, slots are not handed down to those that leave a moment later.
  const heard = storage.streams.length;
  assert.ok(heard < 300, `storage heard of ${heard} streams`);
  const newcomer = readSnapshot(setup.clients);
  await until(() => storage.streams.length === heard + 1, "a newcomer is served");
  await held.finish(heard);
  assert.equal((await newcomer).error, null);
});
