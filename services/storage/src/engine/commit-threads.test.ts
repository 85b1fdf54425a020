// Goal: with real threads, what is acknowledged is durable and right: under concurrent callers, at
// a clean end, and after SIGKILL at any moment under load.
// Method: seeded blocks in lanes; the store read again afterwards and compared with a model that
// replays its transactions; fsck. HOLDFAST_STORM=1 kills more often.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { storage } from "@holdfast/api";
import { systemClock } from "@holdfast/core";
import { ManualClock, SeededRandom, temporaryDirectory } from "@holdfast/testing";
import type { CommitAnswer } from "../ledger/block.js";
import { Committer } from "../ledger/committer.js";
import type { StoreReader } from "../state/state-reader.js";
import { encodeBlock, transactionOf } from "../test-support/blocks.js";
import { loadBlock } from "../test-support/commit-load.js";
import { LedgerModel, type ModelTransaction } from "../test-support/ledger-model.js";
import { CommitThreads } from "./commit-threads.js";
import { DataDir } from "./data-dir.js";
import { checkGeneration } from "./fsck.js";
import { openGenerationEnv } from "./generation-env.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";

const CHILD: string = new URL("../test-support/commit-load-child.js", import.meta.url).pathname;
const KILLS = process.env["HOLDFAST_STORM"] === undefined ? 4 : 50;
const SEED = Number(process.env["STORM_SEED"] ?? 31);
const NEVER: AbortSignal = new AbortController().signal;

async function start(path: string): Promise<Committer> {
  const threads = await CommitThreads.start(path, {
    clock: systemClock,
    onFailure: (error) => assert.fail(error),
  });
  return new Committer(threads, { check: async () => undefined });
}

/** The transaction at a version, as it is kept. */
function transactionAt(reader: StoreReader, version: bigint): ModelTransaction {
  const bytes = reader.transaction(version) ?? assert.fail(`no transaction ${version}`);
  const { payload, writeSet, events } = storage.Transaction.decode(bytes);
  return {
    payload,
    events,
    writes: writeSet.map(({ op }) => {
      if (op?.$case === "put") return [op.value.key, op.value.value];
      return [op?.value ?? assert.fail(), null];
    }),
  };
}

/** Replays the whole store and compares it with itself, and fsck. */
function assertWhole(path: string, when: string): { committed: bigint; reader: StoreReader } {
  const env = openGenerationEnv(path);
  const reader = new LmdbStoreReader(env);
  reader.refresh();
  const committed = reader.meta().committed ?? -1n;
  const model = new LedgerModel();
  let block: ModelTransaction[] = [];
  for (let version = 0n; version <= committed; version++) {
    block.push(transactionAt(reader, version));
    const checkpoint = reader.checkpoint(version);
    if (checkpoint === null) continue;
    model.commit(block, checkpoint.timeUs);
    block = [];
  }
  assert.equal(block.length, 0, `${when}: the store ends with a checkpoint`);
  const checkpoint = reader.checkpoint(committed);
  assert.deepEqual(checkpoint?.stateRoot, model.stateRoot(Number(committed)), when);
  reader.release();
  assert.deepEqual(checkGeneration(env).list, [], when);
  return { committed, reader };
}

test("blocks of many callers are all there, each whole and at its version", async () => {
  await using folder = await temporaryDirectory();
  const committer = await start(folder.path);
  const answers = await Promise.all(
    Array.from({ length: 120 }, async (_, index) => {
      const block = loadBlock(SEED, index);
      return { block, answer: await committer.commit(encodeBlock(block), NEVER) };
    }),
  );
  await committer.close();
  const { committed, reader } = assertWhole(folder.path, "after a clean end");
  const count = answers.reduce((sum, { block }) => sum + block.length, 0);
  assert.equal(committed, BigInt(count) - 1n);
  for (const { block, answer } of answers) assertThere(reader, block, answer);
});

function assertThere(
  reader: StoreReader,
  block: readonly ModelTransaction[],
  { firstVersion, committedVersion }: Pick<CommitAnswer, "firstVersion" | "committedVersion">,
): void {
  assert.equal(committedVersion - firstVersion, BigInt(block.length) - 1n);
  for (const [index, transaction] of block.entries()) {
    assert.deepEqual(transactionAt(reader, firstVersion + BigInt(index)), transaction);
  }
  assert.notEqual(reader.checkpoint(committedVersion), null);
}

test("wrong blocks between good ones cost nothing but themselves", async () => {
  await using folder = await temporaryDirectory();
  const committer = await start(folder.path);
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) => {
      const bytes = encodeBlock([transactionOf({ [`key ${index}`]: "value" })]);
      return committer.commit(index % 3 === 1 ? bytes.subarray(1) : bytes, NEVER);
    }),
  );
  const versions = results.map((result) =>
    result.status === "fulfilled" ? result.value.committedVersion : null,
  );
  assert.deepEqual(
    versions,
    Array.from({ length: 30 }, (_, index) =>
      index % 3 === 1 ? null : BigInt(index - Math.floor((index + 1) / 3)),
    ),
  );
  await committer.close();
  assertWhole(folder.path, "after wrong blocks");
});

test("a repeat of a block in flight is answered after the block", async () => {
  await using folder = await temporaryDirectory();
  const committer = await start(folder.path);
  const bytes = encodeBlock([transactionOf({ a: "1" })], { requestId: "one" });
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => committer.commit(bytes, NEVER)),
  );
  assert.deepEqual(
    answers.map(({ repeatedRequest }) => repeatedRequest),
    [false, true, true, true, true],
  );
  assert.equal(new Set(answers.map(({ committedVersion }) => committedVersion)).size, 1);
  await committer.close();
  assert.equal(assertWhole(folder.path, "after repeats").committed, 0n);
});

test("threads that moved commit to the other generation, and leave the first as it was", async () => {
  await using folder = await temporaryDirectory();
  const [first, second] = [join(folder.path, "1"), join(folder.path, "2")];
  const committer = await start(first);
  const commit = async (index: number): Promise<CommitAnswer> =>
    committer.commit(encodeBlock(loadBlock(SEED, index)), NEVER);
  const { committedVersion } = await commit(0);
  const firstVersions: bigint[] = [];
  for (const path of [second, first]) {
    const resume = await committer.pause();
    await committer.moveTo(path);
    resume();
    firstVersions.push((await commit(1)).firstVersion);
  }
  assert.deepEqual(firstVersions, [0n, committedVersion + 1n]);
  await committer.close();
  for (const path of [first, second]) assertWhole(path, path);
});

test("threads that are told to end while they move end behind the move", async () => {
  await using folder = await temporaryDirectory();
  const threads = await CommitThreads.start(join(folder.path, "1"), {
    clock: systemClock,
    onFailure: (error) => assert.fail(error),
  });
  const moved = threads.moveTo(join(folder.path, "2"));
  await threads.close();
  await moved;
  // It has the generation to itself.
  const env = openGenerationEnv(join(folder.path, "2"));
  await env.close();
  await assert.rejects(threads.moveTo(join(folder.path, "1")), { reason: "ENGINE_FAILED" });
});

test("threads that do not move in time end the engine", async () => {
  await using folder = await temporaryDirectory();
  const clock = new ManualClock();
  const failures: Error[] = [];
  const threads = await CommitThreads.start(join(folder.path, "1"), {
    clock,
    onFailure: (error) => failures.push(error),
  });
  const moved = threads.moveTo(join(folder.path, "2"));
  // Their answer cannot arrive before this returns to the event loop.
  clock.advance(60_000);
  await assert.rejects(moved, { reason: "ENGINE_FAILED" });
  assert.match(failures[0]?.message ?? "", /did not move/);
  assert.equal(clock.pending, 0, "no timer is left");
  await threads.close();
});

test("threads that cannot move end the engine", async () => {
  await using folder = await temporaryDirectory();
  const failures: Error[] = [];
  const threads = await CommitThreads.start(join(folder.path, "1"), {
    clock: systemClock,
    onFailure: (error) => failures.push(error),
  });
  await writeFile(join(folder.path, "file"), "");
  await assert.rejects(threads.moveTo(join(folder.path, "file", "2")), { reason: "ENGINE_FAILED" });
  assert.equal(failures.length, 1);
  await assert.rejects(threads.commit(Buffer.alloc(0)), { reason: "ENGINE_FAILED" });
  await threads.close();
});

test("a block that is not durable in time ends the engine", async () => {
  await using folder = await temporaryDirectory();
  const clock = new ManualClock();
  const failures: Error[] = [];
  const threads = await CommitThreads.start(folder.path, {
    clock,
    onFailure: (error) => failures.push(error),
  });
  const block = threads.commit(encodeBlock([transactionOf({ a: "1" })]));
  // Its answer cannot arrive before this returns to the event loop.
  clock.advance(60_000);
  await assert.rejects(block, { reason: "ENGINE_FAILED" });
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.message ?? "", /60000 ms/);
  await assert.rejects(threads.commit(Buffer.alloc(0)), { reason: "ENGINE_FAILED" });
  await threads.close();
});

test(`killed ${KILLS} times under load, what was acknowledged is there (seed ${SEED})`, async () => {
  await using folder = await temporaryDirectory();
  const random = new SeededRandom(SEED);
  const acknowledged = new Map<number, { firstVersion: bigint; committedVersion: bigint }>();
  let next = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const answers = await loadAndKill(folder.path, next, 1 + random.int(40));
    for (const [index, answer] of answers) {
      acknowledged.set(index, answer);
      next = Math.max(next, index + 1);
    }
    // Blocks in flight may be there or not; their indexes are not used again.
    next += 10;
    const dataDir = await DataDir.open(folder.path);
    const { env } = await dataDir.openLive();
    const { committed, reader } = assertWhole(env.path, `after kill ${kill}`);
    for (const [index, answer] of acknowledged) {
      assert.ok(answer.committedVersion <= committed, `block ${index} is lost`);
      assertThere(reader, loadBlock(SEED, index), answer);
    }
    await env.close();
    await dataDir.close();
  }
  assert.ok(acknowledged.size >= KILLS);
});

/** Commits in a process that is killed after so many answers. @returns what it was answered. */
async function loadAndKill(
  path: string,
  from: number,
  killAfter: number,
): Promise<Map<number, { firstVersion: bigint; committedVersion: bigint }>> {
  const child = spawn(process.execPath, [CHILD, path, String(SEED), String(from)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const answers = new Map<number, { firstVersion: bigint; committedVersion: bigint }>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [index, first, committed] = line.split(" ");
    if (first === undefined || committed === undefined) continue;
    answers.set(Number(index), {
      firstVersion: BigInt(first),
      committedVersion: BigInt(committed),
    });
    if (answers.size === killAfter) child.kill("SIGKILL");
  }
  const [, signal] = (await ended) as [number | null, string | null];
  assert.equal(signal, "SIGKILL", "it ended because it was killed");
  return answers;
}
