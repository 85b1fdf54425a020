// Goal: a stream ends in one of two ways, on time, whatever its reader does.
// Method: real loopback sockets; a bare HTTP/2 client for what gRPC clients do not do; the
// server's clock is moved by hand where a rule is about time.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, until } from "@holdfast/testing";
import type { CallContext } from "./call-context.js";
import { callServerStreaming } from "./client-calls.js";
import { callOptions } from "./client-options.js";
import type { FrameStream } from "./frame-stream.js";
import { serverStreaming } from "./server-streaming.js";
import { stalled } from "./stalled.js";
import {
  bareCall,
  frameOf,
  HEARTBEAT,
  type Loopback,
  loopback,
  SNAPSHOT_REQUEST,
  TRAILER,
} from "./test-support/loopback.js";

type Request = backup.StreamStateSnapshotRequest;
type Frame = backup.StreamStateSnapshotResponse;
type Handler = (
  request: Request,
  context: CallContext,
  frames: FrameStream<Frame>,
) => Promise<void>;

const PATH = "/holdfast.backup.v1.BackupService/StreamStateSnapshot";
const never = new AbortController().signal;

const serve = (handler: Handler, options = {}): Promise<Loopback> =>
  loopback({ streamStateSnapshot: serverStreaming(handler) }, options);

async function read(
  { backup: client }: Loopback,
  signal: AbortSignal = never,
  timeoutMs = 20_000,
): Promise<{ frames: Frame[]; error: unknown }> {
  const frames: Frame[] = [];
  const open = () =>
    client.streamStateSnapshot(SNAPSHOT_REQUEST, new Metadata(), callOptions(timeoutMs));
  try {
    for await (const frame of callServerStreaming(open, signal)) frames.push(frame);
    return { frames, error: null };
  } catch (error) {
    return { frames, error };
  }
}

function assertReason(error: unknown, reason: string): asserts error is HoldfastError {
  assert.ok(error instanceof HoldfastError, String(error));
  assert.equal(error.reason, reason, error.message);
}

/** Produces frames until the call ends, and says how it ended. */
function endless(): { handler: Handler; sent: () => number; reason: Promise<unknown> } {
  let sent = 0;
  let onEnd: (reason: unknown) => void = () => undefined;
  const reason = new Promise<unknown>((resolve) => {
    onEnd = resolve;
  });
  const handler: Handler = async (_, { signal }, frames) => {
    try {
      for (;;) {
        await frames.send(frameOf(128 * 1024));
        sent += 1;
      }
    } catch (error) {
      onEnd(signal.aborted ? signal.reason : error);
      throw error;
    }
  };
  return { handler, sent: () => sent, reason };
}

test("frames arrive in order and the trailer ends the stream", async () => {
  let signal: AbortSignal | undefined;
  await using loop = await serve(async (_, context, frames) => {
    signal = context.signal;
    for (let i = 1; i <= 20; i += 1) await frames.send(frameOf(i));
    await frames.finish(TRAILER);
  });
  const { frames, error } = await read(loop);
  assert.equal(error, null);
  assert.deepEqual(frames, [...Array.from({ length: 20 }, (_, i) => frameOf(i + 1)), TRAILER]);
  await until(() => loop.server.openCalls === 0, "the call is closed");
  assert.equal(signal?.aborted, false, "success does not abort the signal");
  assert.equal(loop.observed[0], "started StreamStateSnapshot");
  assert.equal(loop.observed.at(-1), "ended StreamStateSnapshot OK");
  assert.equal(loop.observed.filter((line) => line.startsWith("sent")).length, 21);
});

test("an error in mid-stream arrives behind the frames, with its details", async () => {
  await using loop = await serve(async (_, __, frames) => {
    for (let i = 0; i < 3; i += 1) await frames.send(frameOf(50_000));
    throw new HoldfastError("ROW_CORRUPT", "The row is corrupt.", { metadata: { shard: "a" } });
  });
  const { frames, error } = await read(loop);
  assert.equal(frames.length, 3);
  assertReason(error, "ROW_CORRUPT");
  assert.deepEqual(error.metadata, { shard: "a" });
  assert.equal(loop.observed.at(-1), "ended StreamStateSnapshot DATA_LOSS");
});

test("an error that is not ours is hidden, and logged under its incident", async () => {
  await using loop = await serve(async (_, __, frames) => {
    await frames.send(frameOf(1));
    throw new Error("ENOENT /secret/path");
  });
  const { error } = await read(loop);
  assertReason(error, "INTERNAL");
  assert.doesNotMatch(error.message, /secret/);
  const [line] = loop.logger.of("error");
  assert.equal(line?.fields["incident"], error.metadata["incident"]);
  assert.match(String(line?.fields["error"]), /secret/);
});

test("a handler that leaves without a trailer aborts the stream", async () => {
  await using loop = await serve(async (_, __, frames) => frames.send(frameOf(1)));
  const { frames, error } = await read(loop);
  assert.equal(frames.length, 1);
  assertReason(error, "INTERNAL");
});

test("a frame that cannot be encoded aborts the stream", async () => {
  await using loop = await serve(async (_, __, frames) => {
    const bad = { part: { $case: "trailer", value: { ...TRAILER.part?.value, tiles: -1n } } };
    await frames.finish(bad as unknown as Frame);
  });
  assertReason((await read(loop)).error, "INTERNAL");
});

test("nothing is sent before the first frame, headers included", async () => {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  let running = false;
  await using loop = await serve(async (_, __, frames) => {
    running = true;
    assert.equal(frames.heartbeat(HEARTBEAT), false, "no heartbeat before the first frame");
    await gate;
    await frames.finish(TRAILER);
  });
  const call = loop.backup.streamStateSnapshot(SNAPSHOT_REQUEST);
  const received: string[] = [];
  call.on("metadata", () => received.push("headers")).on("data", () => received.push("frame"));
  await until(() => running, "the handler runs");
  // A whole round trip on the same connection would show headers that were sent.
  await new Promise((resolve) => loop.backup.getDbState({}, resolve));
  assert.deepEqual(received, []);
  go();
  await once(call, "end");
  assert.deepEqual(received, ["headers", "frame"]);
});

test("a client that leaves aborts the signal, and everything is released", async () => {
  const { handler, reason, sent } = endless();
  await using loop = await serve(handler);
  const leave = new AbortController();
  const reading = read(loop, leave.signal);
  await until(() => sent() > 3, "frames flow");
  const mine = new Error("no longer interested");
  leave.abort(mine);
  assert.equal((await reading).error, mine);
  assertReason(await reason, "CANCELLED");
  await until(() => loop.server.openCalls === 0, "the call is closed");
  assert.equal(loop.observed.at(-1), "ended StreamStateSnapshot CANCELLED");
});

test("a reader that leaves the loop cancels the call", async () => {
  const { handler, reason } = endless();
  await using loop = await serve(handler);
  const open = () => loop.backup.streamStateSnapshot(SNAPSHOT_REQUEST);
  for await (const _ of callServerStreaming(open, never)) break;
  assertReason(await reason, "CANCELLED");
});

test("the deadline ends a stream whose client does not read, with a reset", async () => {
  const clock = new ManualClock();
  const { handler, reason, sent } = endless();
  await using loop = await serve(handler, { clock, times: { streamDefaultMs: 10_000 } });
  const body = Buffer.from(backup.StreamStateSnapshotRequest.encode(SNAPSHOT_REQUEST).finish());
  using call = bareCall(loop.address, PATH, body);
  await once(call.stream, "response");
  await until(() => loop.observed.length >= 2, "a frame waits");
  await clock.advanceAsync(9_999);
  assert.equal(loop.observed.at(-1)?.startsWith("sent"), true, "not yet");
  await clock.advanceAsync(1);
  assertReason(await reason, "DEADLINE_EXCEEDED");
  assert.ok(sent() <= 1, `production is bounded by the window, not ${sent()} frames`);
  assert.equal(loop.server.openCalls, 1, "the transport stream is still stuck");
  await clock.advanceAsync(1_000);
  await until(() => loop.server.openCalls === 0, "the transport stream was reset");
  call.stream.resume();
  await until(() => call.stream.destroyed, "the client hears of it");
  assert.equal(call.stream.rstCode, 8);
});

test("the stall rule ends a stream whose client takes no frame", async () => {
  const clock = new ManualClock();
  const { handler, reason } = endless();
  await using loop = await serve(handler, { clock });
  const body = Buffer.from(backup.StreamStateSnapshotRequest.encode(SNAPSHOT_REQUEST).finish());
  using call = bareCall(loop.address, PATH, body);
  await once(call.stream, "response");
  await until(() => loop.observed.some((line) => line.startsWith("sent")), "a frame waits");
  await clock.advanceAsync(29_999);
  assert.doesNotMatch(loop.observed.at(-1) ?? "", /ended/);
  await clock.advanceAsync(1);
  assertReason(await reason, "STALLED");
  await clock.advanceAsync(1_000);
  await until(() => loop.server.openCalls === 0, "the transport stream was reset");
});

test("an interruption names the last tile before it, and only an interruption does", async () => {
  const clock = new ManualClock();
  /** Of the handler that has sent all its frames and waits; null before. */
  let end: ((error: Error) => void) | null = null;
  await using loop = await serve(
    async (_, { signal }, frames) => {
      end = null;
      await frames.send(HEARTBEAT);
      for (const path of ["0", "1a"]) await frames.send(frameOf(1), path);
      await frames.send(HEARTBEAT);
      await new Promise((__, reject) => {
        end = reject;
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
    { clock, times: { streamMaxMs: 3_000 } },
  );
  for (const [interrupt, reason, metadata] of [
    [() => clock.advance(3_000), "DEADLINE_EXCEEDED", { resume_after: "1a" }],
    [() => end?.(stalled(30_000)), "STALLED", { resume_after: "1a", stall_seconds: "30" }],
    [() => end?.(new HoldfastError("ROW_CORRUPT", "A row.")), "ROW_CORRUPT", {}],
  ] as const) {
    end = null;
    const reading = read(loop, never, 3_600_000);
    // That the frames were handed over is not enough: the handler may not wait yet.
    await until(() => end !== null, "all frames were sent");
    interrupt();
    const { frames, error } = await reading;
    assert.equal(frames.length, 4, reason);
    assertReason(error, reason);
    assert.deepEqual(error.metadata, metadata);
    await until(() => loop.server.openCalls === 0, "the call is closed");
  }
});

test("the stall rule leaves alone who waits for us", async () => {
  const clock = new ManualClock();
  let ready: () => void = () => undefined;
  const work = new Promise<void>((resolve) => {
    ready = resolve;
  });
  await using loop = await serve(
    async (_, __, frames) => {
      await frames.send(frameOf(1));
      await frames.heartbeatWhile(work, () => HEARTBEAT);
      await frames.finish(TRAILER);
    },
    { clock },
  );
  const reading = read(loop, never, 3_600_000);
  await until(() => loop.observed.length === 2, "the first frame was sent");
  for (let i = 1; i <= 24; i += 1) {
    await until(async () => {
      await clock.advanceAsync(1_000);
      return loop.observed.length >= 2 + i;
    }, `heartbeat ${i}`);
  }
  assert.ok(clock.monotonicMs() >= 4 * 30_000, "far longer than a stall");
  ready();
  const { frames, error } = await reading;
  assert.equal(error, null);
  assert.equal(frames.length, 26);
});

test("no heartbeat is queued while a frame is unread", async () => {
  const sent: boolean[] = [];
  let stuck = false;
  await using loop = await serve(async (_, __, frames) => {
    await frames.send(frameOf(1));
    const big = frames.send(frameOf(4 * 2 ** 20));
    sent.push(frames.heartbeat(HEARTBEAT));
    stuck = true;
    await big;
  });
  const body = Buffer.from(backup.StreamStateSnapshotRequest.encode(SNAPSHOT_REQUEST).finish());
  using call = bareCall(loop.address, PATH, body);
  await once(call.stream, "response");
  await until(() => stuck, "a frame waits");
  assert.deepEqual(sent, [false]);
});

test("a stream at full speed is ended at its deadline with details, and leaves no zombie", async () => {
  const { handler, reason } = endless();
  await using loop = await serve(handler);
  const { frames, error } = await read(loop, never, 400);
  assertReason(error, "DEADLINE_EXCEEDED");
  assert.ok(frames.length > 3);
  assertReason(await reason, "DEADLINE_EXCEEDED");
  await until(() => loop.server.openCalls === 0, "the call is closed");
});

test("an overflowing deadline is over at once instead of leaving a zombie", async () => {
  const { handler } = endless();
  await using loop = await serve(handler);
  const body = Buffer.from(backup.StreamStateSnapshotRequest.encode(SNAPSHOT_REQUEST).finish());
  using call = bareCall(loop.address, PATH, body, { "grpc-timeout": "2592000S" });
  const [headers] = (await once(call.stream, "response")) as [Record<string, string>];
  assert.equal(headers["grpc-status"], "4");
  call.stream.resume();
  await until(() => loop.server.openCalls === 0, "the call is closed");
});

test("a storm of cancelled calls leaves nothing behind and the neighbour alone", async () => {
  const CALLS = 400; // fewer than the 1,000 resets after which HTTP/2 closes a connection
  const { handler, sent } = endless();
  await using loop = await serve(handler);
  const leave = new AbortController();
  const neighbour = read(loop, leave.signal);
  await until(() => sent() > 3, "the neighbour reads");
  for (let i = 0; i < CALLS; i += 1) {
    const call = loop.backup.streamStateSnapshot(SNAPSHOT_REQUEST);
    call.on("error", () => undefined);
    setImmediate(() => call.cancel());
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => loop.server.openCalls === 1, "only the neighbour is left");
  const before = sent();
  await until(() => sent() > before + 10, "the neighbour still reads");
  leave.abort();
  await neighbour;
  await until(() => loop.server.openCalls === 0, "nothing is left");
});
