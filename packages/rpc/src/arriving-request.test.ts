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
import { type BareCall, bareCall, type Loopback, loopback } from "./test-support/loopback.js";
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

/** Announces a message of so many bytes. */
function prefix(bytes: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return head;
}

function owing(loop: Loopback, path: string, sent: number): BareCall {
  const call = bareCall(loop.address, path, null);
  call.stream.write(Buffer.concat([prefix(100_000), Buffer.alloc(sent)]));
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

for (const path of [UNARY, UPLOAD]) {
  test(`halves of requests are bounded over all connections: ${path.split("/")[2]}`, async () => {
    await using loop = await serve();
    const held = [owing(loop, path, 90_000), owing(loop, path, 90_000)];
    await until(() => loop.server.receivingBytes > 180_000, "both halves are there");
    await getDbState(loop);
    using third = owing(loop, path, 90_000);
    assert.equal(await statusOf(third.stream), RESOURCE_EXHAUSTED);
    await assert.rejects(getDbState(loop), (error) => {
      assert.ok(error instanceof HoldfastError, String(error));
      assert.equal(error.reason, "NO_SLOT");
      return (error.retryAfterMs ?? 0) > 0;
    });
    for (const call of held) call[Symbol.dispose]();
    third[Symbol.dispose]();
    await until(() => loop.server.receivingBytes === 0, "what was held is given back");
    await getDbState(loop);
  });
}

test("parts that nobody reads are bounded over all connections, too", async () => {
  let read = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    read = resolve;
  });
  const idle = clientStreaming<Buffer, restore.UploadStateTilesResponse>(async (parts) => {
    await gate;
    for await (const _ of parts);
    return { tilesWritten: 0n, tilesDone: 0n };
  });
  await using loop = await loopback({ uploadStateTiles: idle }, { receivingBytesMax: BYTES_MAX });
  const part = Buffer.concat([prefix(50_000), Buffer.alloc(50_000)]);
  using held = bareCall(loop.address, UPLOAD, null);
  for (let i = 0; i < 3; i++) held.stream.write(part);
  await until(() => loop.server.receivingBytes > 100_000, "they are there, but for what is read");
  using next = bareCall(loop.address, UPLOAD, null);
  for (let i = 0; i < 3; i++) next.stream.write(part);
  assert.equal(await statusOf(next.stream), RESOURCE_EXHAUSTED);
  next[Symbol.dispose]();
  await until(() => loop.server.openCalls === 1, "it is gone");
  read();
  await until(() => loop.server.receivingBytes === 0, "all is read");
  const response = once(held.stream, "response");
  held.stream.end();
  await response;
});

test("a request in crumbs is counted as what it costs", async () => {
  await using loop = await serve();
  using call = bareCall(loop.address, UNARY, null);
  const refused = statusOf(call.stream);
  let sent = 0;
  call.stream.write(prefix(100_000));
  while (!call.stream.readableEnded && sent < 2_000 && !call.stream.destroyed) {
    await new Promise<void>((resolve) => call.stream.write(Buffer.alloc(1), () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
    sent += 1;
  }
  assert.equal(await refused, RESOURCE_EXHAUSTED);
});

test("many whole requests and parts leave nothing behind", async () => {
  await using loop = await serve();
  const parts = Buffer.concat([prefix(60_000), Buffer.alloc(60_000)]);
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
  half.stream.write(prefix(10));
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
