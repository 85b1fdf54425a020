// Goal: unary calls: errors as thrown, deadlines on our own timer, bad input refused.
// Method: real loopback sockets; a bare HTTP/2 client for what gRPC clients do not do.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, until } from "@holdfast/testing";
import type { CallContext } from "./call-context.js";
import { callUnary } from "./client-calls.js";
import { FrameClient } from "./frame-client.js";
import { RawClient } from "./raw-client.js";
import { bareCall, loopback } from "./test-support/loopback.js";
import { unary } from "./unary.js";

const PATH = "/holdfast.backup.v1.BackupService/GetStateRangeProof";
const never = new AbortController().signal;
const request: backup.GetStateRangeProofRequest = { version: 3n, path: "a3" };
const response: backup.GetStateRangeProofResponse = {
  node: undefined,
  siblings: [],
  version: 3n,
  stateRoot: Buffer.alloc(32, 1),
  items: 2n,
  bytes: 9n,
};

const hasReason = (reason: string) => (error: unknown) =>
  error instanceof HoldfastError && error.reason === reason;

const serve = (
  handler: (
    request: backup.GetStateRangeProofRequest,
    context: CallContext,
  ) => Promise<backup.GetStateRangeProofResponse>,
  options = {},
) => loopback({ getStateRangeProof: unary(handler) }, options);

const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

test("a call is answered", async () => {
  await using loop = await serve(async (got, context) => {
    assert.deepEqual(got, request);
    assert.equal(context.method, PATH);
    assert.match(context.peer, /^127\.0\.0\.1:\d+$/);
    return response;
  });
  const method = loop.backup.getStateRangeProof.bind(loop.backup);
  const got = await callUnary(method, request, { signal: never, timeoutMs: 10_000 });
  assert.deepEqual(got, response);
  await until(() => loop.server.openCalls === 0, "the call is closed");
  assert.equal(loop.observed.at(-1), "ended GetStateRangeProof OK");
});

test("an error arrives as it was thrown, a synchronous one too", async () => {
  await using loop = await serve(() => {
    throw new HoldfastError("VERSION_PRUNED", "Gone.", { metadata: { oldest: "7" } });
  });
  const method = loop.backup.getStateRangeProof.bind(loop.backup);
  await assert.rejects(
    callUnary(method, request, { signal: never, timeoutMs: 10_000 }),
    (error) =>
      hasReason("VERSION_PRUNED")(error) && (error as HoldfastError).metadata["oldest"] === "7",
  );
});

test("the server's own deadline ends a call, and its signal", async () => {
  let reason: unknown;
  const clock = new ManualClock();
  await using loop = await serve(
    async (_, { signal, deadlineMs }) => {
      assert.equal(deadlineMs, 300_000);
      await hang(signal).catch((error: unknown) => {
        reason = error;
      });
      return response;
    },
    { clock },
  );
  const method = loop.backup.getStateRangeProof.bind(loop.backup);
  const call = callUnary(method, request, { signal: never, timeoutMs: 10_000_000 });
  const ended = assert.rejects(call, hasReason("DEADLINE_EXCEEDED"));
  await until(() => loop.observed.length === 1, "the call began");
  await clock.advanceAsync(300_000);
  await ended;
  assert.ok(hasReason("DEADLINE_EXCEEDED")(reason));
});

test("a cancelled call throws the caller's reason and aborts the handler", async () => {
  let reason: unknown;
  await using loop = await serve(async (_, { signal }) => {
    await hang(signal).catch((error: unknown) => {
      reason = error;
    });
    return response;
  });
  const leave = new AbortController();
  const method = loop.backup.getStateRangeProof.bind(loop.backup);
  const call = callUnary(method, request, { signal: leave.signal, timeoutMs: 10_000 });
  await until(() => loop.observed.length === 1, "the call began");
  const mine = new Error("mine");
  leave.abort(mine);
  await assert.rejects(call, (error) => error === mine);
  await until(() => reason !== undefined, "the handler heard of it");
  assert.ok(hasReason("CANCELLED")(reason));
});

test("bytes that are no message are INVALID_REQUEST", async () => {
  await using loop = await serve(async () => response);
  const raw = new RawClient(loop.address);
  await assert.rejects(
    raw.unary(PATH, Buffer.from([0x0a, 0xff]), { signal: never, timeoutMs: 10_000 }),
    hasReason("INVALID_REQUEST"),
  );
  const answer = await raw.unary(
    PATH,
    Buffer.from(backup.GetStateRangeProofRequest.encode(request).finish()),
    { signal: never, timeoutMs: 10_000 },
  );
  assert.deepEqual(backup.GetStateRangeProofResponse.decode(answer), response);
  raw.close();
});

test("a message above the receive limit is refused", async () => {
  await using loop = await serve(async () => response);
  const method = loop.backup.getStateRangeProof.bind(loop.backup);
  const large = { ...request, path: "a".repeat(200_000) };
  await assert.rejects(
    callUnary(method, large, { signal: never, timeoutMs: 10_000 }),
    // With details of ours: what the client itself made of grpc-js's text would have a cause.
    (error) => hasReason("MESSAGE_TOO_LARGE")(error) && (error as Error).cause === undefined,
  );
  assert.equal(loop.observed.at(-1), "ended GetStateRangeProof RESOURCE_EXHAUSTED");
  await until(() => loop.server.openCalls === 0, "the call is closed");
});

test("a caller can be refused on its metadata, before its message", async () => {
  await using loop = await serve(async () => response, {
    admit: () => {
      throw new HoldfastError("NO_SLOT", "Full.", { retryAfterMs: 100 });
    },
  });
  using call = bareCall(loop.address, PATH, null);
  const [headers] = (await once(call.stream, "response")) as [Record<string, string>];
  assert.equal(headers["grpc-status"], "8");
});

test("a client that never sends its message is ended at the deadline", async () => {
  const clock = new ManualClock();
  await using loop = await serve(() => Promise.reject(new Error("unreached")), { clock });
  using call = bareCall(loop.address, PATH, null);
  await until(() => loop.observed.length === 1, "the call began");
  const response = once(call.stream, "response");
  await clock.advanceAsync(30_000);
  const [headers] = (await response) as [Record<string, string>];
  assert.equal(headers["grpc-status"], "4");
  await clock.advanceAsync(1_000);
  await until(() => loop.server.openCalls === 0, "the transport stream was reset");
});

test("a server that is not there is STORAGE_UNAVAILABLE, and named", async () => {
  const raw = new RawClient("127.0.0.1:1", { service: "storage" });
  const unreachable = {
    reason: "STORAGE_UNAVAILABLE",
    message: /^Cannot reach the storage service at 127\.0\.0\.1:1,/,
    metadata: { service: "storage", address: "127.0.0.1:1" },
  };
  const call = { signal: never, timeoutMs: 10_000 };
  const one = Buffer.alloc(0);
  await assert.rejects(raw.unary(PATH, one, call), unreachable);
  const frames = new FrameClient("127.0.0.1:1", { service: "storage" });
  await assert.rejects(frames.serverStreaming(PATH, one, call).next(), unreachable);
  frames.close();
  await assert.rejects(raw.clientStreaming(PATH, [one], call), unreachable);
  await assert.rejects(raw.ready(50), unreachable);
  raw.close();
});
