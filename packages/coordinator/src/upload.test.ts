// Goal: uploads send one after the other and wait for the disk together. Method: a fake gateway
// that notes when calls begin and are whole, and answers when it is told to.
import assert from "node:assert/strict";
import test from "node:test";
import { lease, type restore } from "@holdfast/api";
import { HoldfastError, systemClock } from "@holdfast/core";
import { clientStreaming, unary } from "@holdfast/rpc";
import { until } from "@holdfast/testing";
import { JobLease } from "./job-lease.js";
import { Patience } from "./patience.js";
import { fakeGateway } from "./test-support/fake-gateway.js";
import { type UploadTile, uploadTiles } from "./upload.js";

/** Two of them are more than one call carries; each has 48 parts. */
const BODY = Buffer.alloc(3 * 2 ** 20);
const TILES: readonly UploadTile[] = Array.from({ length: 7 }, (_, index) => ({
  path: `${index}`,
  items: 1,
  bytes: BODY.length,
  body: BODY,
}));

interface SetUp extends AsyncDisposable {
  /** What calls did, in order. */
  readonly log: string[];
  /** Answers the call that brought this tile. */
  readonly answer: (path: string) => void;
  /** Paths that were yielded. */
  readonly durable: string[];
  readonly done: Promise<void>;
  readonly abort: AbortController;
}

async function setUp(onWhole: (path: string) => void = () => undefined): Promise<SetUp> {
  const log: string[] = [];
  const waiting = new Map<string, () => void>();
  const gateway = await fakeGateway({
    acquireLease: unary<object, lease.AcquireLeaseResponse>(async () => ({
      lease: lease.Lease.create({
        leaseId: "l",
        fencingToken: 1n,
        ttl: { seconds: 30n, nanos: 0 },
      }),
      oldestStateVersion: undefined,
      oldestJournalVersion: undefined,
    })),
    releaseLease: unary<object, lease.ReleaseLeaseResponse>(async () => ({})),
    uploadStateTiles: clientStreaming<
      restore.UploadStateTilesRequest,
      restore.UploadStateTilesResponse
    >(async (requests, { signal }) => {
      let path = "";
      for await (const { part } of requests) {
        if (part?.$case !== "tilePart" || path !== "") continue;
        path = part.value.path;
        log.push(`begin ${path}`);
      }
      log.push(`whole ${path}`);
      onWhole(path);
      await new Promise<void>((resolve, reject) => {
        waiting.set(path, resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      return { tilesWritten: 1n, tilesDone: 1n };
    }),
  });
  const { gateways } = gateway;
  const abort = new AbortController();
  const { signal } = abort;
  const clock = systemClock;
  const patience = new Patience({ clock, retryForMs: 20_000, signal, random: () => 0 });
  const job = { gateways, clock, patience, signal };
  const held = await JobLease.acquire({ kind: "exclusive", purpose: "test" }, job);
  const durable: string[] = [];
  const done = (async () => {
    const source = async function* (): AsyncGenerator<UploadTile> {
      yield* TILES;
    };
    const options = { gateways, patience, lease: held, sessionId: "s" };
    for await (const batch of uploadTiles(source(), options)) {
      for (const { path } of batch) durable.push(path);
    }
  })();
  done.catch(() => undefined);
  return {
    log,
    answer: (path) => waiting.get(path)?.(),
    durable,
    done,
    abort,
    [Symbol.asyncDispose]: async () => {
      await held[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** What these calls do when each sends behind the one before. */
function inTurn(...paths: number[]): string[] {
  return paths.flatMap((path) => [`begin ${path}`, `whole ${path}`]);
}

test("four calls wait for the disk, and each has sent all before the next one begins", async () => {
  await using setup = await setUp();
  const { log, answer, durable, done } = setup;
  await until(() => log.length === 8, "four calls are whole");
  assert.deepEqual(log, inTurn(0, 1, 2, 3));
  answer("0");
  await until(() => log.length === 10, "the place of the first is taken");
  assert.deepEqual(durable, ["0"]);
  for (const { path } of TILES) {
    await until(() => log.includes(`whole ${path}`), "it has sent all");
    answer(path);
  }
  await done;
  assert.deepEqual(log, inTurn(0, 1, 2, 3, 4, 5, 6));
  assert.deepEqual(durable, ["0", "1", "2", "3", "4", "5", "6"]);
});

test("a call that fails passes its turn on and takes another", async () => {
  let failures = 0;
  await using setup = await setUp((path) => {
    if (path !== "1" || failures++ > 0) return;
    throw new HoldfastError("STORAGE_UNAVAILABLE", "Away for a moment.");
  });
  const { log, answer, durable, done } = setup;
  await until(() => log.filter((line) => line === "whole 1").length === 2, "it was sent again");
  for (const { path } of TILES) {
    await until(() => log.includes(`whole ${path}`), "it has sent all");
    answer(path);
  }
  await done;
  assert.deepEqual(durable, ["0", "1", "2", "3", "4", "5", "6"]);
});

test("a job that ends waits for no turn", async () => {
  await using setup = await setUp();
  await until(() => setup.log.length >= 1, "the first call sends");
  setup.abort.abort(new Error("enough"));
  await assert.rejects(setup.done, /enough/);
});
