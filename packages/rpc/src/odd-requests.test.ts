// Goal: requests that no gRPC library sends are refused in words, and leave nothing behind.
// Method: a bare HTTP/2 client; a manual clock, so that nothing is ended by time.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { backup, restore } from "@holdfast/api";
import { ManualClock, until } from "@holdfast/testing";
import { clientStreaming } from "./client-streaming.js";
import { serverStreaming } from "./server-streaming.js";
import {
  type BareCall,
  bareCall,
  framed,
  HEARTBEAT,
  type Loopback,
  loopback,
} from "./test-support/loopback.js";
import { unary } from "./unary.js";

const UNARY = "/holdfast.backup.v1.BackupService/GetDbState";
const STREAM = "/holdfast.backup.v1.BackupService/StreamStateSnapshot";
const UPLOAD = "/holdfast.backup.v1.RestoreService/UploadStateTiles";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/** Far longer than an answer takes. */
const GUARD_MS = 20_000;
const INVALID_ARGUMENT = "3";
const UNIMPLEMENTED = "12";

/** A server whose handlers say that they were called; an upload reads all, or one part only. */
async function serve(
  partsMax = Number.POSITIVE_INFINITY,
): Promise<{ loop: Loopback; called: string[] }> {
  const called: string[] = [];
  const loop = await loopback(
    {
      getDbState: unary(async () => {
        called.push("unary");
        return { state: undefined };
      }),
      streamStateSnapshot: serverStreaming<
        backup.StreamStateSnapshotRequest,
        backup.StreamStateSnapshotResponse
      >(async (_, { signal }, frames) => {
        called.push("stream");
        await frames.send(HEARTBEAT);
        await once(signal, "abort");
      }),
      uploadStateTiles: clientStreaming<Buffer, restore.UploadStateTilesResponse>(async (parts) => {
        let left = partsMax;
        for await (const _ of parts) if (--left === 0) break;
        called.push("upload");
        return { tilesWritten: 1n, tilesDone: 1n };
      }),
    },
    { clock: new ManualClock() },
  );
  return { loop, called };
}

async function statusOf({ stream }: BareCall): Promise<string> {
  const signal = AbortSignal.timeout(GUARD_MS);
  const [headers] = (await once(stream, "response", { signal })) as [Record<string, string>];
  return headers["grpc-status"] ?? "";
}

/** Answers when the server has seen all that was sent. */
async function seen({ session }: BareCall): Promise<void> {
  await new Promise((resolve) => session.ping(resolve));
}

for (const path of [UPLOAD, REFLECTION]) {
  test(`reset without an error while the answer is stuck: ${path}`, async () => {
    const { loop } = await serve(2);
    await using _ = loop;
    const half = framed(Buffer.alloc(20_000)).subarray(0, 9_000);
    const parts = Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0)), half]);
    for (let round = 0; round < 20; round++) {
      const call = bareCall(loop.address, path, null, {}, { initialWindowSize: 0 });
      for (let i = 0; i < 5; i++) call.stream.write(parts);
      for (let i = 0; i < round % 5; i++) await seen(call);
      const closed = once(call.stream, "close");
      call.stream.close(0);
      await closed;
      // The reset is on its way; with anything behind it Node would end the stream by itself.
      await setImmediate();
      call[Symbol.dispose]();
    }
    await until(() => loop.server.openCalls === 0, "no call is left");
    assert.equal(loop.server.receivingBytes, 0);
  });
}

for (const path of [UNARY, UPLOAD]) {
  test(`compressed messages are refused before they are inflated: ${path}`, async () => {
    const { loop, called } = await serve();
    await using _ = loop;
    using call = bareCall(loop.address, path, null, { "grpc-encoding": "gzip" });
    const status = statusOf(call);
    call.stream.write(framed(gzipSync(Buffer.alloc(100_000)), true));
    assert.equal(await status, UNIMPLEMENTED);
    assert.deepEqual(called, []);
    assert.deepEqual(
      loop.observed.filter((line) => line.startsWith("ended")),
      [`ended ${path.split("/")[2]} UNIMPLEMENTED`],
    );
  });
}

for (const [path, whole] of [
  [UNARY, 0],
  [UNARY, 1],
  [STREAM, 1],
  [UPLOAD, 2],
] as const) {
  test(`a request that ends in message ${whole + 1} is refused: ${path}`, async () => {
    const { loop, called } = await serve();
    await using _ = loop;
    using call = bareCall(loop.address, path, null);
    const ended = once(call.stream, "end", { signal: AbortSignal.timeout(GUARD_MS) });
    call.stream.resume();
    let status = "";
    for (const event of ["response", "trailers"]) {
      call.stream.on(event, (headers: Record<string, string>) => {
        status = headers["grpc-status"] ?? status;
      });
    }
    const parts = Array.from({ length: whole }, () => framed(Buffer.alloc(0)));
    call.stream.end(Buffer.concat([...parts, framed(Buffer.alloc(50_000)).subarray(0, 30_000)]));
    await ended;
    assert.equal(status, INVALID_ARGUMENT);
    assert.deepEqual(called, []);
    call[Symbol.dispose]();
    await until(() => loop.server.openCalls === 0, "no call is left");
    assert.equal(loop.server.receivingBytes, 0);
  });
}
