// Goal: requests that are sent by halves, or in crumbs, take a bounded memory and a bounded time.
// Method: a bare HTTP/2 client that owes the rest of its requests; a manual clock for the rule
// about time.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import test from "node:test";
import { type backup, grpcHealthV1, type restore } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, until } from "@holdfast/testing";
import { callUnary } from "./client-calls.js";
import { clientStreaming } from "./client-streaming.js";
import {
  type BareCall,
  bareCall,
  framed,
  type Loopback,
  loopback,
  messagePrefix,
} from "./test-support/loopback.js";
import { unary } from "./unary.js";

const UNARY = "/holdfast.backup.v1.BackupService/GetDbState";
const UPLOAD = "/holdfast.backup.v1.RestoreService/UploadStateTiles";
const BYTES_MAX = 200_000;
const RESOURCE_EXHAUSTED = "8";

const serve = (options: Parameters<typeof loopback>[1] = {}): Promise<Loopback> =>
  loopback(
    {
      getDbState: unary(async () => ({ state: undefined })),
      uploadStateTiles: clientStreaming(async (parts) => {
        for await (const _ of parts);
        return { tilesWritten: 0n, tilesDone: 0n };
      }),
    },
    { receivingBytesMax: BYTES_MAX, ...options },
  );

/** A message as gRPC frames it, well-formed for any type: one field of `bytes` that nobody knows. */
function message(bytes: number): Buffer {
  const UNKNOWN_FIELD = 0x7a;
  const field = [UNKNOWN_FIELD, (bytes & 0x7f) | 0x80, ((bytes >> 7) & 0x7f) | 0x80, bytes >> 14];
  return framed(Buffer.concat([Buffer.from(field), Buffer.alloc(bytes)]));
}

function owing(loop: Loopback, path: string, sent: number): BareCall {
  const call = bareCall(loop.address, path, null);
  call.stream.write(Buffer.concat([messagePrefix(100_000), Buffer.alloc(sent)]));
  return call;
}

function getDbState({ backup: client }: Loopback): Promise<backup.GetDbStateResponse> {
  const signal = new AbortController().signal;
  return callUnary(client.getDbState.bind(client), {}, { signal, timeoutMs: 10_000 });
}

async function statusOf(stream: ClientHttp2Stream): Promise<string> {
  const [headers] = (await once(stream, "response")) as [Record<string, string>];
  return headers["grpc-status"] ?? "";
}

async function requireRefused(loop: Loopback): Promise<void> {
  await assert.rejects(getDbState(loop), (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.reason, "NO_SLOT");
    return (error.retryAfterMs ?? 0) > 0;
  });
}

test("halves of requests are bounded over all connections", async () => {
  await using loop = await serve();
  const held = [owing(loop, UNARY, 90_000), owing(loop, UNARY, 90_000)];
  await until(() => loop.server.receivingBytes > 180_000, "both halves are there");
  await getDbState(loop);
  using third = owing(loop, UNARY, 90_000);
  assert.equal(await statusOf(third.stream), RESOURCE_EXHAUSTED);
  await requireRefused(loop);
  for (const call of held) call[Symbol.dispose]();
  third[Symbol.dispose]();
  await until(() => loop.server.receivingBytes === 0, "what was held is given back");
  await getDbState(loop);
});

test("halves of uploads leave a quarter to single requests", async () => {
  await using loop = await serve();
  const held = [owing(loop, UPLOAD, 90_000)];
  await until(() => loop.server.receivingBytes > 90_000, "its half is there");
  held.push(owing(loop, UPLOAD, 90_000));
  const second = held[1]?.stream;
  assert.equal(second && (await statusOf(second)), RESOURCE_EXHAUSTED);
  await getDbState(loop);
  using third = owing(loop, UPLOAD, 1);
  assert.equal(await statusOf(third.stream), RESOURCE_EXHAUSTED);
  using other = owing(loop, UNARY, 90_000);
  assert.equal(await statusOf(other.stream), RESOURCE_EXHAUSTED);
  await requireRefused(loop);
  for (const call of held) call[Symbol.dispose]();
  other[Symbol.dispose]();
  third[Symbol.dispose]();
  await until(() => loop.server.receivingBytes === 0, "what was held is given back");
});

/** A server whose uploads read one part, which makes their window wide, and the rest when told. */
async function idle(): Promise<{ loop: Loopback; read: () => void }> {
  let read = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    read = resolve;
  });
  const upload = clientStreaming<Buffer, restore.UploadStateTilesResponse>(
    async (parts, { signal }) => {
      const left = once(signal, "abort");
      for await (const _ of parts) await Promise.race([gate, left]);
      return { tilesWritten: 0n, tilesDone: 0n };
    },
  );
  // Its clock stands still: no call that was refused is reset.
  const options = { receivingBytesMax: BYTES_MAX, clock: new ManualClock() };
  return { loop: await loopback({ uploadStateTiles: upload }, options), read };
}

/** Opens an upload on a connection of its own, and waits for the wide window. */
async function openWide({ address }: Loopback): Promise<BareCall> {
  const call = bareCall(address, UPLOAD, null);
  call.stream.write(message(1_000));
  const windowBytes = (): number => call.session.remoteSettings.initialWindowSize ?? 0;
  await until(() => windowBytes() > 1_000_000, "it may send a MiB");
  return call;
}

/** Sends `count` parts of 50 kB; answers when all of them have left. */
async function sendParts({ stream }: BareCall, count: number): Promise<void> {
  const part = message(50_000);
  let left = count;
  for (let i = 0; i < count; i++) stream.write(part, () => left--);
  await until(() => left === 0, "all of it was sent");
}

test("parts that nobody reads are bounded over all connections, too", async () => {
  const { loop, read } = await idle();
  await using _ = loop;
  using held = await openWide(loop);
  await sendParts(held, 2);
  await until(() => loop.server.receivingBytes > 100_000, "they are there");
  using next = await openWide(loop);
  const status = statusOf(next.stream);
  await sendParts(next, 18);
  assert.equal(await status, RESOURCE_EXHAUSTED);
  next[Symbol.dispose]();
  await until(() => loop.server.openCalls === 1, "it is gone");
  read();
  await until(() => loop.server.receivingBytes === 0, "all is read");
  const response = once(held.stream, "response");
  held.stream.end();
  await response;
});

test("what is sent on to calls that were refused is dropped", async () => {
  const { loop } = await idle();
  await using _ = loop;
  const calls: BareCall[] = [];
  for (let i = 0; i < 8; i++) calls.push(await openWide(loop));
  const statuses = calls.slice(1).map(({ stream }) => statusOf(stream));
  await Promise.all(calls.map((call) => sendParts(call, 18)));
  for (const status of statuses) assert.equal(await status, RESOURCE_EXHAUSTED);
  const { receivingBytes } = loop.server;
  assert.ok(receivingBytes < BYTES_MAX + 8 * 20_000, `${receivingBytes} bytes are held`);
  for (const call of calls) call[Symbol.dispose]();
  await until(() => loop.server.receivingBytes === 0, "nothing is held");
});

test("what a failed upload has sent and goes on to send is not counted", async () => {
  let fail = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    fail = resolve;
  });
  const failing = clientStreaming<Buffer, restore.UploadStateTilesResponse>(async (_, call) => {
    await Promise.race([gate, once(call.signal, "abort")]);
    throw new HoldfastError("SESSION_UNKNOWN", "Nobody's.");
  });
  const handlers = {
    uploadStateTiles: failing,
    getDbState: unary(async () => ({ state: undefined })),
  };
  const options = { receivingBytesMax: BYTES_MAX, clock: new ManualClock() };
  await using loop = await loopback(handlers, options);
  using upload = bareCall(loop.address, UPLOAD, null);
  const response = once(upload.stream, "response");
  await sendParts(upload, 1);
  await until(() => loop.server.receivingBytes > 50_000, "it is there, and not read");
  fail();
  await response;
  await until(() => loop.server.receivingBytes === 0, "it is dropped");
  await sendParts(upload, 18);
  await getDbState(loop);
  assert.equal(loop.server.receivingBytes, 0);
  assert.equal(loop.server.openCalls, 1, "it was not reset");
});

test("a request in crumbs is counted as what it costs", async () => {
  await using loop = await serve();
  using call = bareCall(loop.address, UNARY, null);
  const refused = statusOf(call.stream);
  let sent = 0;
  call.stream.write(messagePrefix(100_000));
  while (!call.stream.readableEnded && sent < 2_000 && !call.stream.destroyed) {
    await new Promise<void>((resolve) => call.stream.write(Buffer.alloc(1), () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
    sent += 1;
  }
  assert.equal(await refused, RESOURCE_EXHAUSTED);
});

test("many whole requests and parts leave nothing behind", async () => {
  await using loop = await serve();
  const parts = message(60_000);
  using upload = bareCall(loop.address, UPLOAD, null);
  const response = once(upload.stream, "response");
  for (let i = 0; i < 20; i++) {
    await new Promise<void>((resolve) => upload.stream.write(parts, () => resolve()));
    await getDbState(loop);
  }
  upload.stream.end();
  await response;
  await until(() => loop.server.receivingBytes === 0, "nothing is held");
});

test("a service that is not ours has the time of its call, too", async () => {
  const clock = new ManualClock();
  await using loop = await serve({ clock });
  const body = Buffer.from(grpcHealthV1.HealthCheckRequest.encode({ service: "" }).finish());
  using watch = bareCall(loop.address, "/grpc.health.v1.Health/Watch", body);
  await once(watch.stream, "response");
  assert.equal(loop.server.receivingBytes, 0);
  await clock.advanceAsync(600_000);
  assert.equal(loop.server.openCalls, 1, "it still watches");
});

test("a request must be whole within 30 s, whatever time its caller has", async () => {
  const clock = new ManualClock();
  let finish = (): void => undefined;
  const slow = unary(async (_, { signal }) => {
    await new Promise<void>((resolve, reject) => {
      finish = resolve;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    return { version: 1n, items: 2n, bytes: 3n };
  });
  await using loop = await loopback({ getStateItemCount: slow }, { clock });
  using half = bareCall(loop.address, UNARY, null, { "grpc-timeout": "200S" });
  half.stream.write(messagePrefix(10));
  const status = statusOf(half.stream);
  const count = callUnary(
    loop.backup.getStateItemCount.bind(loop.backup),
    { version: undefined },
    { signal: new AbortController().signal, timeoutMs: 200_000 },
  );
  await until(() => loop.server.openCalls === 2 && loop.server.receivingBytes > 0, "both began");
  await until(() => loop.server.receivingBytes < 300, "the whole one runs");
  await clock.advanceAsync(30_000);
  assert.equal(await status, "4", "STALLED is DEADLINE_EXCEEDED");
  await clock.advanceAsync(100_000);
  finish();
  assert.equal((await count).items, 2n, "a whole request has the time it asked for");
});
