// Goal: uploads: back-pressure, early answers and errors, stalled and vanished peers.
// Method: real loopback sockets with BeginRestore as the method.
import assert from "node:assert/strict";
import test from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { restore } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, until } from "@holdfast/testing";
import type { CallContext } from "./call-context.js";
import { callClientStreaming } from "./client-calls.js";
import { clientStreaming } from "./client-streaming.js";
import { RawClient } from "./raw-client.js";
import { loopback } from "./test-support/loopback.js";

type Part = restore.BeginRestoreRequest;
type Answer = restore.BeginRestoreResponse;

const never = new AbortController().signal;
const call = { signal: never, timeoutMs: 20_000 };
const part = (bytes: number): Part => ({
  part: {
    $case: "tiles",
    value: {
      tiles: [
        {
          path: "0",
          node: { kind: { $case: "inner", value: Buffer.alloc(bytes) } },
          items: 1n,
          bytes: 1n,
        },
      ],
    },
  },
});
const answer = (tilesDone: number): Answer => ({
  sessionId: "s",
  adopted: false,
  tilesDone: BigInt(tilesDone),
});
const hasReason = (reason: string) => (error: unknown) =>
  error instanceof HoldfastError && error.reason === reason;

const serve = (
  handler: (parts: AsyncIterable<Part>, context: CallContext) => Promise<Answer>,
  options = {},
) => loopback({ beginRestore: clientStreaming(handler) }, options);

async function count(parts: AsyncIterable<Part>): Promise<number> {
  let n = 0;
  for await (const _ of parts) n += 1;
  return n;
}

test("all parts arrive, then the answer", async () => {
  await using loop = await serve(async (parts) => answer(await count(parts)));
  const method = loop.restore.beginRestore.bind(loop.restore);
  const parts = Array.from({ length: 100 }, () => part(60_000));
  assert.deepEqual(await callClientStreaming(method, parts, call), answer(100));
  assert.deepEqual(await callClientStreaming(method, [], call), answer(0));
  await until(() => loop.server.openCalls === 0, "the calls are closed");
});

test("an early error reaches a client that is blocked in writing", async () => {
  await using loop = await serve(async (parts) => {
    for await (const _ of parts) throw new HoldfastError("FENCED", "Another one owns it.");
    return answer(0);
  });
  const method = loop.restore.beginRestore.bind(loop.restore);
  let made = 0;
  let closed = false;
  async function* endless(): AsyncGenerator<Part> {
    try {
      for (;;) {
        made += 1;
        yield part(60_000);
      }
    } finally {
      closed = true;
    }
  }
  await assert.rejects(callClientStreaming(method, endless(), call), hasReason("FENCED"));
  assert.ok(made < 100, `the transport pushed back, not ${made} parts`);
  await until(() => closed, "the source is closed");
  await until(() => loop.server.openCalls === 0, "the call is closed");
});

test("an early error reaches a client that waits for its own source", async () => {
  await using loop = await serve(async () => {
    throw new HoldfastError("LEASE_EXPIRED", "Over.");
  });
  const method = loop.restore.beginRestore.bind(loop.restore);
  const stuck: AsyncIterable<Part> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }),
  };
  await assert.rejects(callClientStreaming(method, stuck, call), hasReason("LEASE_EXPIRED"));
});

test("a failing source cancels the call and is what the client throws", async () => {
  let reason: unknown;
  let begun: () => void = () => undefined;
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  await using loop = await serve(async (parts) => {
    begun();
    try {
      return answer(await count(parts));
    } catch (error) {
      reason = error;
      throw error;
    }
  });
  const method = loop.restore.beginRestore.bind(loop.restore);
  const broken = new Error("disk");
  async function* source(): AsyncGenerator<Part> {
    yield part(1);
    await running;
    throw broken;
  }
  await assert.rejects(callClientStreaming(method, source(), call), (error) => error === broken);
  await until(() => reason !== undefined, "the handler heard of it");
  assert.ok(hasReason("CANCELLED")(reason), String(reason));
});

test("an uploader that sends nothing for 30 s is STALLED", async () => {
  const clock = new ManualClock();
  let parts = 0;
  await using loop = await serve(
    async (requests) => {
      for await (const _ of requests) parts += 1;
      return answer(parts);
    },
    { clock },
  );
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<unknown>((resolve) => {
    fail = resolve;
  });
  const stream = loop.restore.beginRestore(new Metadata(), {}, (error) => fail(error));
  stream.write(part(1));
  await until(() => parts === 1, "the first part arrived");
  await clock.advanceAsync(30_000);
  assert.match(String(await failed), /no progress for 30 s/);
  await clock.advanceAsync(1_000);
  await until(() => loop.server.openCalls === 0, "the call is closed");
});

test("a part that is no message is INVALID_REQUEST", async () => {
  await using loop = await serve(async (parts) => answer(await count(parts)));
  const raw = new RawClient(loop.address);
  const path = "/holdfast.backup.v1.RestoreService/BeginRestore";
  await assert.rejects(
    raw.clientStreaming(path, [Buffer.from([0x0a, 0xff])], call),
    hasReason("INVALID_REQUEST"),
  );
  const body = Buffer.from(restore.BeginRestoreRequest.encode(part(8)).finish());
  const bytes = await raw.clientStreaming(path, [body, body], call);
  assert.deepEqual(restore.BeginRestoreResponse.decode(bytes), answer(2));
  raw.close();
});

test("a cancelled upload throws the caller's reason", async () => {
  await using loop = await serve(async (parts) => answer(await count(parts)));
  const leave = new AbortController();
  const method = loop.restore.beginRestore.bind(loop.restore);
  async function* source(): AsyncGenerator<Part> {
    yield part(1);
    leave.abort(new Error("mine"));
    await new Promise<never>(() => undefined);
  }
  await assert.rejects(
    callClientStreaming(method, source(), { signal: leave.signal, timeoutMs: 20_000 }),
    /mine/,
  );
});
