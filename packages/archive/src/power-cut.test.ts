// Goal: whatever moment a backup dies at, the archive stays whole, what was durable counts, and the
// backup can be finished. Method: a simulated disk that forgets what was not synced; a power cut,
// or a kill, before every single operation; then resume, compare, collect. Seeds are printed.
import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@holdfast/testing";
import { Archive, checkArchive } from "./archive.js";
import { DamageError } from "./archive-error.js";
import { HookedFiles } from "./test-support/hooked-files.js";
import { LEDGER, type MadeSnapshot, madeFull, takeBackup } from "./test-support/made-snapshots.js";
import { SimulatedDisk } from "./test-support/simulated-disk.js";

const PACK_BYTES = 300;

/**
 * Takes a backup and stops the world before operation `stopAt`.
 * @returns whether it was published before, and how many operations there were.
 */
async function backupUntil(
  disk: SimulatedDisk,
  made: MadeSnapshot,
  stopAt: number,
): Promise<{ readonly published: boolean; readonly operations: number }> {
  let operations = 0;
  let stop: () => void = () => undefined;
  const stopped = new Promise<false>((resolve) => {
    stop = () => resolve(false);
  });
  const files = new HookedFiles(disk, () => {
    if (operations++ < stopAt) return;
    stop();
    return new Promise<void>(() => undefined);
  });
  const backup = async (): Promise<true> => {
    const archive = await Archive.create("simulated", LEDGER, { files, packBytes: PACK_BYTES });
    await takeBackup(archive, made);
    return true;
  };
  return { published: await Promise.race([backup(), stopped]), operations };
}

async function requireWhole(disk: SimulatedDisk, made: MadeSnapshot, where: string): Promise<void> {
  const check = await checkArchive("simulated", {
    files: disk,
    onDamage: (damage) => assert.fail(`${where}: ${new DamageError(damage).message}`),
  });
  assert.equal(check.snapshots.length, 1, where);
  const archive = await Archive.open("simulated", { files: disk });
  await using reader = await archive.openSnapshot(check.snapshots[0] ?? "");
  let index = 0;
  for await (const { line, body } of reader.chunks()) {
    assert.equal(line.path, made.tiles[index]?.tile.path, where);
    assert.deepEqual(body, made.tiles[index]?.body, where);
    index++;
  }
  assert.equal(index, made.tiles.length, where);
}

/** Finishes the backup on what is left of the disk, then collects. */
async function finish(disk: SimulatedDisk, made: MadeSnapshot, where: string): Promise<number> {
  const archive = await Archive.create("simulated", LEDGER, { files: disk, packBytes: PACK_BYTES });
  let resumed = 0;
  if ((await archive.snapshots()).length === 0) {
    const writer = await archive.beginBackup(made.head, { resume: true });
    for await (const tile of writer.resumedTiles()) {
      assert.equal(tile.path, made.tiles[resumed++]?.tile.path, where);
    }
    assert.equal(writer.lastPath, made.tiles[resumed - 1]?.tile.path ?? null, where);
    for (const { tile, body } of made.tiles.slice(resumed)) await writer.add(tile, body);
    await writer.publish();
  }
  await requireWhole(disk, made, where);
  await archive.gc();
  assert.deepEqual(await archive.leftovers(), [], where);
  await requireWhole(disk, made, where);
  return resumed;
}

test("a power cut or a kill before every operation of a backup", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  const made = madeFull(random, { version: 77n, tiles: 20 });
  const { operations, published } = await backupUntil(new SimulatedDisk(), made, Infinity);
  assert.ok(published);
  const survivals: readonly [string, () => boolean][] = [
    ["nothing unsynced survives", () => false],
    ["everything survives", () => true],
    ["chance decides", () => random.chance(0.5)],
  ];
  let resumed = 0;
  for (let stopAt = 0; stopAt <= operations; stopAt++) {
    for (const [what, survives] of survivals) {
      const disk = new SimulatedDisk();
      const run = await backupUntil(disk, made, stopAt);
      const after = disk.afterPowerCut(survives);
      const where = `operation ${stopAt} of ${operations}, ${what}`;
      const check = await checkBefore(after, where);
      if (run.published) assert.equal(check, 1, `${where}: published and gone`);
      resumed += await finish(after, made, where);
    }
  }
  t.diagnostic(`${operations} operations, ${resumed} tiles counted after a resume`);
  assert.ok(resumed > operations, "hardly anything was resumed");
});

test("one power cut after another, with a gc now and then, ends in a whole backup", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  for (let round = 0; round < 40; round++) {
    const made = madeFull(random, { version: BigInt(round), tiles: 1 + random.int(25) });
    let disk = new SimulatedDisk();
    const where = `round ${round}`;
    for (let cuts = 0; cuts < 12; cuts++) {
      const { published } = await backupUntil(disk, made, random.int(160));
      disk = disk.afterPowerCut(() => random.chance(0.5));
      if (published || (await checkBefore(disk, where)) > 0) break;
      if (random.chance(0.2)) {
        const archive = await Archive.create("simulated", LEDGER, { files: disk });
        await archive.gc();
      }
    }
    await finish(disk, made, where);
  }
});

/** Nothing may be damaged right after the cut. Answers how many snapshots there are. */
async function checkBefore(disk: SimulatedDisk, where: string): Promise<number> {
  if ((await disk.list(""))?.every(({ name }) => name.endsWith(".part")) === true) return 0;
  const check = await checkArchive("simulated", {
    files: disk,
    onDamage: (damage) => assert.fail(`${where}: ${new DamageError(damage).message}`),
  });
  return check.snapshots.length;
}
