// Goal: a paused stream holds little, and a fast one does not keep the collector busy.
// Method: both ends in this process; memory outside of the heap and full collections counted.
import assert from "node:assert/strict";
import { constants, PerformanceObserver } from "node:perf_hooks";
import test from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { credentials, Metadata } from "@grpc/grpc-js";
import { backup } from "@holdfast/api";
import { until } from "@holdfast/testing";
import { callServerStreaming } from "./client-calls.js";
import { callOptions } from "./client-options.js";
import { serverStreaming } from "./server-streaming.js";
import { calmCollector, limitStreamBuffers } from "./stream-buffers.js";
import { frameOf, loopback, SNAPSHOT_REQUEST } from "./test-support/loopback.js";

limitStreamBuffers();
calmCollector();

const MIB = 2 ** 20;
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const endless = serverStreaming<
  backup.StreamStateSnapshotRequest,
  backup.StreamStateSnapshotResponse
>(async (_, __, frames) => {
  for (;;) await frames.send(frameOf(128 * 1024));
});

test("a paused stream holds at most 1 MiB on both sides together, window included", async () => {
  const STREAMS = 40;
  await using loop = await loopback({ streamStateSnapshot: endless });
  const before = process.memoryUsage().arrayBuffers;
  // Windows of 64 KiB, as a foreign client has; paused after the first frame.
  const client = new backup.BackupServiceClient(loop.address, credentials.createInsecure());
  const calls = Array.from({ length: STREAMS }, () => client.streamStateSnapshot(SNAPSHOT_REQUEST));
  let paused = 0;
  for (const call of calls) {
    call.on("error", () => undefined);
    call.once("data", () => {
      call.pause();
      paused += 1;
    });
  }
  await until(() => paused === STREAMS, "every stream is paused");
  let sent = -1;
  await until(async () => {
    const now = loop.observed.length;
    for (let turns = 0; turns < 50; turns += 1) await setImmediate();
    const quiet = now === sent;
    sent = now;
    return quiet;
  }, "nothing moves any more");
  const frames = loop.observed.filter((line) => line.startsWith("sent")).length;
  assert.ok(frames <= STREAMS * 5, `${frames} frames were produced for ${STREAMS} paused streams`);
  const held = (process.memoryUsage().arrayBuffers - before) / STREAMS;
  assert.ok(held <= MIB, `${(held / MIB).toFixed(2)} MiB a stream`);
  for (const call of calls) call.cancel();
  client.close();
  await until(() => loop.server.openCalls === 0, "all are gone");
});

test("frames that pass do not make V8 collect the whole heap", async (t) => {
  const BYTES = 400 * MIB;
  let full = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) full += 1;
    }
  });
  await using loop = await loopback({ streamStateSnapshot: endless });
  // As in a process that runs for a while: V8 has fitted its limit to the small heap.
  for (let i = 0; i < 5; i += 1) collect();
  await setImmediate();
  observer.observe({ entryTypes: ["gc"] });
  const open = () =>
    loop.backup.streamStateSnapshot(SNAPSHOT_REQUEST, new Metadata(), callOptions(60_000));
  let bytes = 0;
  for await (const _ of callServerStreaming(open, new AbortController().signal)) {
    bytes += 128 * 1024;
    if (bytes >= BYTES) break;
  }
  await setImmediate();
  observer.disconnect();
  t.diagnostic(`${full} full collections`);
  assert.ok(full <= 3, `${full} full collections for ${BYTES / MIB} MiB`);
});
