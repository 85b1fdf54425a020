// Goal: a server goes down in order and within its grace; health and reflection answer.
// Method: real loopback sockets; `buf curl` as a foreign client.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { credentials, Metadata } from "@grpc/grpc-js";
import { backup, grpcHealthV1 } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, until } from "@holdfast/testing";
import { callServerStreaming, callUnary } from "./client-calls.js";
import { callOptions } from "./client-options.js";
import { readImage } from "./descriptor-image.js";
import { serverStreaming } from "./server-streaming.js";
import {
  bareCall,
  frameOf,
  type Loopback,
  loopback,
  SNAPSHOT_REQUEST,
} from "./test-support/loopback.js";
import { unary } from "./unary.js";

const SERVICE = "holdfast.backup.v1.BackupService";
const never = new AbortController().signal;
// Longer than any test moves the server's clock.
const call = { signal: never, timeoutMs: 250_000 };
const hasReason = (reason: string) => (error: unknown) =>
  error instanceof HoldfastError && error.reason === reason;

async function health({ address }: Loopback, service: string): Promise<string> {
  const client = new grpcHealthV1.HealthClient(address, credentials.createInsecure());
  try {
    const { status } = await callUnary(client.check.bind(client), { service }, call);
    return Object.entries(grpcHealthV1.HealthCheckResponse_ServingStatus).find(
      ([, value]) => value === status,
    )?.[0] as string;
  } finally {
    client.close();
  }
}

const endless = serverStreaming<
  backup.StreamStateSnapshotRequest,
  backup.StreamStateSnapshotResponse
>(async (_, __, frames) => {
  for (;;) await frames.send(frameOf(100_000));
});

async function drainFrames({ backup: client }: Loopback): Promise<unknown> {
  const open = () =>
    client.streamStateSnapshot(SNAPSHOT_REQUEST, new Metadata(), callOptions(3_600_000));
  try {
    for await (const _ of callServerStreaming(open, never));
    return null;
  } catch (error) {
    return error;
  }
}

test("health follows what the service says", async () => {
  await using loop = await loopback({});
  assert.equal(await health(loop, ""), "SERVING");
  assert.equal(await health(loop, SERVICE), "NOT_SERVING");
  loop.server.setHealth(SERVICE, "SERVING");
  assert.equal(await health(loop, SERVICE), "SERVING");
});

test("drain: refuse new calls, end streams, let the rest finish, close", async () => {
  const clock = new ManualClock();
  let finish: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  await using loop = await loopback(
    {
      streamStateSnapshot: endless,
      getStateItemCount: unary(async () => {
        await gate;
        return { version: 1n, items: 2n, bytes: 3n };
      }),
    },
    { clock },
  );
  loop.server.setHealth(SERVICE, "SERVING");
  const stream = drainFrames(loop);
  const slow = callUnary(
    loop.backup.getStateItemCount.bind(loop.backup),
    { version: undefined },
    call,
  );
  await until(() => loop.server.openCalls === 2, "both run");

  const drained = loop.server.drain({ delayMs: 2_000, graceMs: 30_000, hurry: never });
  assert.equal(await health(loop, SERVICE), "NOT_SERVING");
  await assert.rejects(
    callUnary(loop.backup.getDbState.bind(loop.backup), {}, call),
    (error) => hasReason("DRAINING")(error) && (error as HoldfastError).retryAfterMs !== undefined,
  );
  assert.equal(loop.server.openCalls >= 2, true, "running calls go on during the delay");
  await clock.advanceAsync(2_000);
  assert.ok(hasReason("DRAINING")(await stream), "streams end after the delay");
  finish();
  assert.deepEqual(await slow, { version: 1n, items: 2n, bytes: 3n });
  await drained;
  assert.equal(loop.server.openCalls, 0);
});

for (const [name, hurryNow] of [
  ["the grace", false],
  ["a hurry", true],
] as const) {
  test(`drain: after ${name} whatever is left is reset`, async () => {
    const clock = new ManualClock();
    let reason: unknown;
    await using loop = await loopback(
      {
        streamStateSnapshot: endless,
        getStateItemCount: unary(
          (_, { signal }) =>
            new Promise((__, reject) => {
              signal.addEventListener("abort", () => {
                reason = signal.reason;
                reject(signal.reason);
              });
            }),
        ),
      },
      { clock },
    );
    const body = Buffer.from(backup.StreamStateSnapshotRequest.encode(SNAPSHOT_REQUEST).finish());
    using stuck = bareCall(loop.address, `/${SERVICE}/StreamStateSnapshot`, body);
    const method = loop.backup.getStateItemCount.bind(loop.backup);
    const hanging = callUnary(method, { version: undefined }, call);
    const ended = assert.rejects(hanging);
    await until(() => loop.server.openCalls === 2, "both run");
    const hurry = new AbortController();
    let done = false;
    const drained = loop.server
      .drain({ delayMs: 0, graceMs: 30_000, hurry: hurry.signal })
      .then(() => {
        done = true;
      });
    await clock.advanceAsync(hurryNow ? 0 : 29_000);
    assert.equal(done, false);
    if (hurryNow) hurry.abort();
    else await clock.advanceAsync(1_000);
    await drained;
    await ended;
    assert.ok(hasReason("DRAINING")(reason), String(reason));
    await until(() => stuck.stream.destroyed, "the stuck stream is gone");
  });
}

test("a handler that ignores its signal does not hold the stop for ever", async () => {
  const clock = new ManualClock();
  const loop = await loopback(
    { getStateItemCount: unary(() => new Promise<never>(() => undefined)) },
    { clock },
  );
  const method = loop.backup.getStateItemCount.bind(loop.backup);
  const hanging = assert.rejects(callUnary(method, { version: undefined }, call));
  await until(() => loop.server.openCalls === 1, "it runs");
  const stopped = loop.server.stop();
  await clock.advanceAsync(5_000);
  await stopped;
  await hanging;
  assert.equal(loop.logger.of("error").length, 1);
  loop.backup.close();
  loop.restore.close();
});

test("the image knows every service and all its imports", () => {
  const files = readImage();
  for (const file of files.values()) {
    for (const name of file.dependencies) {
      assert.ok(files.has(name), `${file.name} imports ${name}`);
    }
  }
  const symbols = new Set([...files.values()].flatMap((file) => file.symbols));
  for (const symbol of [
    SERVICE,
    `${SERVICE}.StreamStateSnapshot`,
    "holdfast.backup.v1.StateChunk.items",
    "holdfast.types.v1.ErrorReason",
    "google.protobuf.Timestamp",
    "google.rpc.ErrorInfo.MetadataEntry",
    "grpc.health.v1.HealthCheckResponse.ServingStatus",
    "grpc.reflection.v1alpha.ServerReflection",
  ]) {
    assert.ok(symbols.has(symbol), symbol);
  }
});

const BUF = fileURLToPath(new URL("../../../node_modules/.bin/buf", import.meta.url));

test("buf curl lists and calls methods with no proto at hand", async () => {
  const committed = 18446744073709551615n;
  const empty = Buffer.alloc(0);
  await using loop = await loopback({
    getDbState: unary(async () => ({
      state: {
        ledgerId: empty,
        committedVersion: committed,
        stateRoot: empty,
        logRoot: empty,
        items: 0n,
        bytes: 0n,
        epoch: 0n,
        commitTime: { seconds: 1n, nanos: 0 },
        histories: [],
        oldestStateVersion: undefined,
        oldestTransactionVersion: undefined,
        oldestJournalVersion: undefined,
      },
    })),
  });
  const run = async (protocol: string, ...args: string[]): Promise<string> => {
    const flags = ["--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", protocol];
    return (await promisify(execFile)(BUF, ["curl", ...flags, ...args])).stdout;
  };
  for (const protocol of ["grpc-v1", "grpc-v1alpha"]) {
    const methods = await run(protocol, "--list-methods", `http://${loop.address}`);
    assert.match(methods, /holdfast\.backup\.v1\.RestoreService\/UploadStateTiles/);
    assert.match(methods, /grpc\.health\.v1\.Health\/Check/);
    const answer = await run(protocol, "-d", "{}", `http://${loop.address}/${SERVICE}/GetDbState`);
    assert.match(answer, new RegExp(`"committedVersion":\\s*"${committed}"`));
    assert.match(answer, /"commitTime":\s*"1970-01-01T00:00:01Z"/);
  }
});
