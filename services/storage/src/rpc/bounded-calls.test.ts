// Goal: calls that wait for each other wait in bounded number, and who has gone waits no more.
// Method: the services over loopback on domains that answer nothing until they are told to.
import { strict as assert } from "node:assert";
import test from "node:test";
import { credentials } from "@grpc/grpc-js";
import { restore, storage } from "@holdfast/api";
import { HoldfastError, limits, systemClock } from "@holdfast/core";
import { callUnary, GrpcServer, type UnaryMethod } from "@holdfast/rpc";
import { RecordingLogger, until } from "@holdfast/testing";
import type { Restorer } from "../restore/restorer.js";
import { restoreService } from "./restore-service.js";
import { storageService } from "./storage-service.js";

/** Services whose domains hang, and how many calls reached them. */
async function serveStuck() {
  let reached = 0;
  const failing = new Error("the test is over");
  let end = (): void => undefined;
  const over = new Promise<never>((_, reject) => {
    end = () => reject(failing);
  });
  over.catch(() => undefined);
  const stuck = (): Promise<never> => {
    reached += 1;
    return over;
  };
  const server = new GrpcServer({
    logger: new RecordingLogger(),
    receiveBytesMax: limits.STORAGE_RECEIVE_BYTES_MAX,
    concurrentStreamsMax: 1_000,
  });
  const restorer = { get: stuck, finish: stuck, abort: stuck } as unknown as Restorer;
  const parts = { pruner: { prune: stuck }, clock: systemClock };
  for (const { definition, implementation } of [
    restoreService(restorer, systemClock),
    storageService(parts as unknown as Parameters<typeof storageService>[0]),
  ]) {
    server.add(definition, implementation);
  }
  const address = await server.start("127.0.0.1:0");
  const insecure = credentials.createInsecure();
  const restores = new restore.RestoreServiceClient(address, insecure);
  const stores = new storage.StorageServiceClient(address, insecure);
  return {
    restores,
    stores,
    reached: () => reached,
    [Symbol.asyncDispose]: async () => {
      end();
      restores.close();
      stores.close();
      await server.stop();
    },
  };
}

/** Calls until one is refused; says how many were not, and that gone callers make room. */
async function check<Req, Res>(method: UnaryMethod<Req, Res>, request: Req): Promise<number> {
  const leave = new AbortController();
  const { signal } = leave;
  const call = (): Promise<Res> => callUnary(method, request, { signal, timeoutMs: 60_000 });
  let refused: HoldfastError | null = null;
  let calls = 0;
  const pending: Promise<unknown>[] = [];
  while (refused === null) {
    assert.ok(calls < 1_000, "one must be refused");
    calls += 1;
    pending.push(
      call().catch((error: unknown) => {
        if (error instanceof HoldfastError) refused ??= error;
      }),
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { reason, retryAfterMs } = refused as HoldfastError;
  assert.equal(reason, "NO_SLOT");
  assert.ok((retryAfterMs ?? 0) > 0);
  leave.abort(new Error("gone"));
  await Promise.all(pending);
  return calls;
}

test("descriptions of a restore are bounded", async () => {
  await using served = await serveStuck();
  const { restores } = served;
  const request = { sessionId: "a", pageSize: 0, pageToken: "" };
  const calls = await check(restores.getRestoreSession.bind(restores), request);
  assert.ok(calls > 16 + 256, `${calls}`);
  assert.equal(served.reached(), 16);
});

test("calls that end a restore are bounded together", async () => {
  await using served = await serveStuck();
  const { restores } = served;
  const request = { sessionId: "a", leaseId: "b", fencingToken: 1n };
  await check(restores.finishRestore.bind(restores), request);
  assert.equal(served.reached(), 16);
  await check(restores.abortRestore.bind(restores), request);
  assert.equal(served.reached(), 16, "those that run still hold their places");
});

test("prunings are bounded", async () => {
  await using served = await serveStuck();
  const { stores } = served;
  const request = storage.PruneRequest.fromPartial({});
  const calls = await check(stores.prune.bind(stores), request);
  assert.ok(calls > 17, `${calls}`);
  await until(() => served.reached() === 1, "one runs, and those that left never did");
});
