// Goal: a connection that uploads may have 1 MiB under way, and so may each upload on it; any other
// one has HTTP/2's 64 KiB. Method: a bare HTTP/2 client reads the windows that the server gives it.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { limits } from "@holdfast/core";
import { until } from "@holdfast/testing";
import { clientStreaming } from "./client-streaming.js";
import { bareCall, type Loopback, loopback } from "./test-support/loopback.js";
import { unary } from "./unary.js";

const SERVICE_UPLOAD = "/holdfast.backup.v1.RestoreService/UploadStateTiles";
const SERVICE_UNARY = "/holdfast.backup.v1.BackupService/GetDbState";
const HTTP2_WINDOW_BYTES = 65_535;

const serve = (): Promise<Loopback> =>
  loopback({
    getDbState: unary(async () => ({ state: undefined })),
    uploadStateTiles: clientStreaming(async (parts) => {
      for await (const _ of parts);
      return { tilesWritten: 0n, tilesDone: 0n };
    }),
  });

test("a connection that uploads has the window for uploads, and each upload too", async () => {
  await using loop = await serve();
  using upload = bareCall(loop.address, SERVICE_UPLOAD, null);
  const windowBytes = (): number => upload.session.state.remoteWindowSize ?? 0;
  await until(() => windowBytes() === limits.UPLOAD_WINDOW_BYTES, "the window is wide");
  const { stream, session } = upload;
  const streamWindow = (): number => session.remoteSettings.initialWindowSize ?? 0;
  await until(() => streamWindow() === limits.UPLOAD_WINDOW_BYTES, "that of uploads is, too");
  const response = once(stream, "response");
  stream.end();
  await response;
  assert.equal(windowBytes(), limits.UPLOAD_WINDOW_BYTES);
});

test("any other connection has the window of HTTP/2", async () => {
  await using loop = await serve();
  using call = bareCall(loop.address, SERVICE_UNARY, Buffer.alloc(0));
  await once(call.stream, "response");
  const { state, remoteSettings } = call.session;
  assert.equal(remoteSettings.initialWindowSize, HTTP2_WINDOW_BYTES);
  const windowBytes = state.remoteWindowSize ?? 0;
  assert.ok(windowBytes <= HTTP2_WINDOW_BYTES, `${windowBytes}`);
});
