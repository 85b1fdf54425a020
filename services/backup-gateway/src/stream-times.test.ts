// Goal: no stream outlives its time, whatever client or storage do, and what it held at storage
// is gone at once. Method: real sockets; the gateway's clock is moved by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, until } from "@holdfast/testing";
import type { FakeStream } from "./test-support/fake-storage.js";
import {
  type Fixture,
  fixture,
  hasReason,
  NEVER,
  partsOf,
  pausedStream,
  readSnapshot,
} from "./test-support/fixture.js";
import { chunks, HEADER, REQUEST, TRAILER } from "./test-support/frames.js";

const ENDLESS = async (stream: FakeStream): Promise<void> => {
  await stream.send(HEADER);
  await stream.sendForever(chunks(131_000));
};

/** What the contract allows from the end of a stream to the end of its work at storage. */
const UPSTREAM_GONE_MS = 100;
/** The machine may be busy: the quickest of so many has to be in time. */
const TRIES = 5;

/** The stream's number of frames stands still: every buffer on the way is full. */
async function stuck(stream: () => FakeStream | undefined): Promise<void> {
  let seen = -1;
  let quiet = 0;
  await until(() => {
    const written = stream()?.written ?? 0;
    quiet = written > 1 && written === seen ? quiet + 1 : 0;
    seen = written;
    return quiet >= 10;
  }, "the stream is stuck");
}

/** Lets `end` end the newest stream, and measures how long storage went on. */
async function goneAfter({ storage }: Fixture, end: () => void): Promise<number> {
  const stream = storage.streams.at(-1);
  const startMs = performance.now();
  end();
  await until(() => stream?.cancelledAtMs !== null, "storage's stream is cancelled");
  return (stream?.cancelledAtMs ?? Number.POSITIVE_INFINITY) - startMs;
}

test("a reader that stops is cut after 30 s, and storage is free within 100 ms", async (context) => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock });
  setup.storage.script.stream = ENDLESS;
  const took: number[] = [];
  for (let i = 0; i < TRIES; i += 1) {
    using paused = pausedStream(setup.gateway.listen);
    await until(() => setup.storage.streams.length === i + 1, "the stream arrived");
    await stuck(() => setup.storage.streams.at(-1));
    clock.advance(29_000);
    assert.equal(setup.storage.streams.at(-1)?.cancelledAtMs, null, "29 s are no stall");
    took.push(await goneAfter(setup, () => clock.advance(1_500)));
    // The status cannot reach a reader that reads nothing; the reset behind it can.
    clock.advance(2_000);
    assert.equal(await paused.closed, 8);
  }
  context.diagnostic(`storage was free after ${took.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  assert.ok(Math.min(...took) < UPSTREAM_GONE_MS);
});

test("the deadline ends a stream whose reader stopped, storage within 100 ms", async (context) => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock, times: { call: { stallMs: 3_600_000 } } });
  setup.storage.script.stream = ENDLESS;
  const took: number[] = [];
  for (let i = 0; i < TRIES; i += 1) {
    using paused = pausedStream(setup.gateway.listen, { "grpc-timeout": "600S" });
    await until(() => setup.storage.streams.length === i + 1, "the stream arrived");
    await stuck(() => setup.storage.streams.at(-1));
    took.push(await goneAfter(setup, () => clock.advance(600_000)));
    clock.advance(2_000);
    assert.equal(await paused.closed, 8);
  }
  context.diagnostic(`storage was free after ${took.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  assert.ok(Math.min(...took) < UPSTREAM_GONE_MS);
});

test("a deadline in real time: status for a reader that reads, storage's work ends", async () => {
  await using setup = await fixture();
  setup.storage.script.stream = async (stream) => {
    await stream.send(HEADER);
  };
  const { backup: client } = setup.clients;
  const reader = client.streamStateSnapshot(REQUEST, { deadline: Date.now() + 700 });
  let error: unknown;
  try {
    for await (const _ of reader);
  } catch (caught) {
    error = caught;
  }
  assert.equal((error as { code?: number }).code, 4);
  await until(() => setup.storage.streams[0]?.cancelledAtMs !== null, "storage's work ended");
});

test("while storage is silent, the gateway says why, every 5 s", async () => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock });
  let goOn: () => void = () => undefined;
  setup.storage.script.stream = async (stream) => {
    await stream.send(HEADER);
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await stream.send(TRAILER);
    stream.end();
  };
  const seen: string[] = [];
  const { backup: client } = setup.clients;
  const reader = client.streamStateSnapshot(REQUEST, { deadline: Date.now() + 300_000 });
  reader.on("data", ({ part }) => seen.push(`${part?.$case} ${part?.value.reason ?? ""}`.trim()));
  const ended = new Promise((resolve) => reader.once("status", resolve));
  await until(() => seen.length === 1, "the header arrived");
  for (let beats = 1; beats <= 4; beats += 1) {
    await clock.advanceAsync(4_900);
    assert.equal(seen.length, beats, "no heartbeat before its time");
    await clock.advanceAsync(100);
    await until(() => seen.length === beats + 1, "a heartbeat arrived");
  }
  goOn();
  await ended;
  const beat = "heartbeat WAITING_FOR_STORAGE";
  assert.deepEqual(
    seen.map((line) => line.replace("heartbeat 3", beat)),
    ["header", beat, beat, beat, beat, "trailer"],
  );
});

test("no heartbeat comes before the header, and none to a reader that stopped", async () => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock, times: { silenceMsMax: 3_600_000 } });
  setup.storage.script.stream = () => undefined;
  const reading = readSnapshot(setup.clients);
  await until(() => setup.storage.streams.length === 1, "the stream arrived");
  for (let i = 0; i < 5; i += 1) await clock.advanceAsync(6_000);
  setup.storage.streams[0]?.fail({ code: 14, details: "never mind" });
  const end = await reading;
  assert.deepEqual(partsOf(end), []);
  assert.ok(hasReason("STORAGE_UNAVAILABLE")(end.error));
});

test("storage that gives no sign of life for 60 s has gone", async () => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock });
  setup.storage.script.stream = async (stream) => {
    await stream.send(HEADER);
  };
  const reading = readSnapshot(setup.clients, NEVER);
  await until(() => (setup.storage.streams[0]?.written ?? 0) === 1, "the header was sent");
  // The header has to have passed the gateway before its clock moves.
  await clock.advanceAsync(0);
  for (let i = 0; i < 14; i += 1) await clock.advanceAsync(5_000);
  const { error } = await reading;
  assert.ok(hasReason("STORAGE_UNAVAILABLE")(error), String(error));
  assert.ok(error instanceof HoldfastError && /no sign of life/.test(error.message));
  await until(() => setup.storage.streams[0]?.cancelledAtMs !== null, "storage's work ended");
});
