// Goal: the kernel drops a dead writer's lock, and what it left is resumed or collected; a living
// writer is left alone. Method: real folders, real locks, child processes killed with SIGKILL at
// seeded operations; seeds are printed.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { Archive, checkArchive } from "./archive.js";
import { ArchiveError } from "./archive-error.js";
import { LEDGER, type MadeSnapshot, madeFull, takeBackup } from "./test-support/made-snapshots.js";

const CHILD = fileURLToPath(new URL("./test-support/backup-child.js", import.meta.url));
const TILES = 60;

function startChild(
  folder: string,
  seed: number,
  stopAt: number,
  how: "kill" | "hold",
  environment: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  const args = [CHILD, folder, String(seed), String(TILES), String(stopAt), how];
  return spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment,
  });
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  await once(child, "close");
  return text;
}

const snapshotOf = (seed: number): MadeSnapshot =>
  madeFull(new SeededRandom(seed), { version: 7n, tiles: TILES });

async function requireSound(archive: Archive): Promise<void> {
  const check = await checkArchive(archive.location);
  assert.deepEqual([check.damages, check.snapshots.length], [0, 1]);
}

test("a backup killed at seeded operations is resumed or collected", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  await using whole = await temporaryDirectory();
  const output = await outputOf(startChild(whole.path, random.seed, 1e9, "kill"));
  const operations = Number.parseInt(output, 10);
  assert.ok(operations > 50, output);
  let resumed = 0;
  for (let kill = 0; kill < 16; kill++) {
    await using folder = await temporaryDirectory();
    const child = startChild(folder.path, random.seed, random.int(operations), "kill");
    const [, signal] = (await once(child, "close")) as [number | null, string | null];
    assert.equal(signal, "SIGKILL");
    const archive = await Archive.create(folder.path, LEDGER, { packBytes: 2_000 });
    if ((await archive.snapshots()).length === 0) {
      if (random.chance(0.2)) await archive.gc();
      const unfinished = await archive.unfinishedBackups();
      const writer = await archive.beginBackup(snapshotOf(random.seed).head, { resume: true });
      if (writer.resumed) {
        resumed++;
        assert.deepEqual(unfinished, [writer.head]);
      }
      await writer.close();
      await takeBackup(archive, snapshotOf(random.seed));
    }
    await requireSound(archive);
    await archive.gc();
    assert.deepEqual(await archive.leftovers(), []);
    await requireSound(archive);
  }
  t.diagnostic(`${operations} operations, ${resumed} of 16 resumed`);
});

test("a living writer keeps its work; a dead one's is taken over", async () => {
  const seed = 31;
  await using folder = await temporaryDirectory();
  const child = startChild(folder.path, seed, 60, "hold");
  assert.ok(child.stdout !== null);
  await once(child.stdout, "data");
  const archive = await Archive.open(folder.path);
  assert.deepEqual(await archive.unfinishedBackups(), []);
  const collected = await archive.gc();
  assert.deepEqual(collected.collected, []);
  assert.equal(collected.running.length, 1);
  assert.deepEqual(await archive.leftovers(), []);
  {
    await using second = await archive.beginBackup(snapshotOf(seed).head, { resume: true });
    assert.equal(second.resumed, false);
    assert.equal((await readdir(join(folder.path, "work"))).length, 2);
    await second.discard();
  }
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal((await archive.unfinishedBackups()).length, 1);
  {
    await using third = await archive.beginBackup(snapshotOf(seed).head, { resume: true });
    assert.equal(third.resumed, true);
    assert.notEqual(third.lastPath, null);
  }
  await takeBackup(archive, snapshotOf(seed));
  await requireSound(archive);
  assert.deepEqual(await readdir(join(folder.path, "work")), []);
});

test("another head's interrupted backup is not taken over", async () => {
  const random = new SeededRandom(32);
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER, { packBytes: 500 });
  const made = madeFull(random, { version: 7n, tiles: 30 });
  {
    await using writer = await archive.beginBackup(made.head);
    for (const { tile, body } of made.tiles) await writer.add(tile, body);
  }
  for (const other of [
    { ...made.head, proved: !made.head.proved },
    { ...made.head, items: made.head.items + 1n },
    { ...made.head, histories: made.head.histories.slice(1) },
    madeFull(random, { version: 7n, tiles: 1 }).head,
  ]) {
    await using writer = await archive.beginBackup(other, { resume: true });
    assert.equal(writer.resumed, false);
    await writer.discard();
  }
  {
    await using writer = await archive.beginBackup(made.head, { resume: false });
    assert.equal(writer.resumed, false);
    await writer.discard();
  }
  await using writer = await archive.beginBackup(made.head, { resume: true });
  assert.equal(writer.resumed, true);
});

test("one deleter at a time", async () => {
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER);
  await archive.gc();
  const both = await Promise.allSettled([archive.gc(), archive.gc(), archive.gc(), archive.gc()]);
  const refused = both.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  for (const error of refused) {
    assert.ok(error instanceof ArchiveError && error.code === "ARCHIVE_BUSY", String(error));
  }
  assert.ok(refused.length < 4);
});

test("a machine without flock gets a clear error", async () => {
  await using folder = await temporaryDirectory();
  const child = startChild(folder.path, 1, 1e9, "kill", { PATH: "/nowhere" });
  assert.match(await outputOf(child), /^LOCK_UNAVAILABLE flock\(1\) was not found; install/);
});
