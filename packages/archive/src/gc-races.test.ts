// Goal: a gc beside running writers never deletes what a snapshot needs. Method: on a simulated
// disk, hold a gc before each of its operations while a writer does a whole backup, and a writer
// before each of its operations while a whole gc runs; with leftovers of the same content about,
// which is the hardest case: the writer then meets its pack's name taken by a pack that gc wants.
import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@holdfast/testing";
import { Archive, checkArchive } from "./archive.js";
import { ArchiveError, DamageError } from "./archive-error.js";
import { HookedFiles } from "./test-support/hooked-files.js";
import {
  addTiles,
  LEDGER,
  type MadeSnapshot,
  madeFull,
  takeBackup,
} from "./test-support/made-snapshots.js";
import { SimulatedDisk } from "./test-support/simulated-disk.js";

const PACK_BYTES = 300;
const open = (files: SimulatedDisk | HookedFiles): Promise<Archive> =>
  Archive.create("simulated", LEDGER, { files, packBytes: PACK_BYTES });

/** An archive with packs that no manifest names and whose content `made` will write again. */
async function withLeftovers(made: MadeSnapshot, keepWork: boolean): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const archive = await open(disk);
  const writer = await archive.beginBackup(made.head);
  await addTiles(writer, made);
  await writer.close();
  for (const { kind, file } of await archive.leftovers()) {
    if (kind !== "work" || keepWork) continue;
    for (const { name } of (await disk.list(file)) ?? []) await disk.remove(`${file}/${name}`);
    await disk.removeFolder(file);
  }
  return disk;
}

async function requireSound(disk: SimulatedDisk, snapshots: number, where: string): Promise<void> {
  const check = await checkArchive("simulated", {
    files: disk,
    onDamage: (damage) => assert.fail(`${where}: ${new DamageError(damage).message}`),
  });
  assert.equal(check.snapshots.length, snapshots, where);
}

for (const keepWork of [false, true]) {
  const what = keepWork ? "an interrupted backup" : "packs nobody names";
  for (const resume of [false, true]) {
    test(`a whole backup (resume: ${resume}) in each pause of a gc, beside ${what}`, async (t) => {
      const made = madeFull(new SeededRandom(21), { version: 8n, tiles: 16 });
      let pauses = 0;
      for (let pauseAt = 0; ; pauseAt++) {
        const disk = await withLeftovers(made, keepWork);
        let backup: Promise<unknown> | null = null;
        let operations = 0;
        const paused = new HookedFiles(disk, async () => {
          if (operations++ !== pauseAt) return;
          const archive = await open(disk);
          backup = (async () => {
            await using writer = await archive.beginBackup(made.head, { resume });
            await addTiles(writer, made);
            await writer.publish();
          })();
          // The writer may have to wait for the gc to end.
          await Promise.race([backup, disk.lockWaiter()]);
        });
        const archive = await open(paused);
        const from = operations;
        await archive.gc();
        if (backup === null) break;
        await backup;
        pauses++;
        if (pauseAt < from) continue;
        await requireSound(disk, 1, `gc paused before operation ${pauseAt}`);
        await (await open(disk)).gc();
        await requireSound(disk, 1, `gc paused before operation ${pauseAt}, collected again`);
      }
      t.diagnostic(`${pauses} pauses`);
      assert.ok(pauses > 20);
    });

    test(`a whole gc in each pause of a backup (resume: ${resume}), beside ${what}`, async (t) => {
      const made = madeFull(new SeededRandom(22), { version: 8n, tiles: 12 });
      let pauses = 0;
      for (let pauseAt = 0; ; pauseAt++) {
        const disk = await withLeftovers(made, keepWork);
        let collected = false;
        let operations = 0;
        const paused = new HookedFiles(disk, async () => {
          if (operations++ !== pauseAt) return;
          collected = true;
          try {
            await (await open(disk)).gc();
          } catch (error) {
            // The writer holds the deleter's lock just then.
            assert.ok(
              error instanceof ArchiveError && error.code === "ARCHIVE_BUSY",
              String(error),
            );
          }
        });
        const archive = await open(paused);
        {
          await using writer = await archive.beginBackup(made.head, { resume });
          await addTiles(writer, made);
          await writer.publish();
        }
        if (!collected) break;
        pauses++;
        await requireSound(disk, 1, `backup paused before operation ${pauseAt}`);
      }
      t.diagnostic(`${pauses} pauses`);
      assert.ok(pauses > 50);
    });
  }
}

test("an archive that another makes and collects in each pause of making it", async () => {
  let pauses = 0;
  for (let pauseAt = 0; ; pauseAt++) {
    const disk = new SimulatedDisk();
    let collected = false;
    let operations = 0;
    const paused = new HookedFiles(disk, async () => {
      if (operations++ !== pauseAt) return;
      collected = true;
      await (await open(disk)).gc();
    });
    const { createdTime } = await open(paused);
    if (!collected) break;
    pauses++;
    assert.equal(createdTime, (await open(disk)).createdTime, `paused before ${pauseAt}`);
  }
  assert.ok(pauses > 5, `${pauses} pauses`);
});

test("two writers of the same and of other snapshots, and gcs, all at once", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  for (let round = 0; round < 10; round++) {
    const same = madeFull(random, { version: 5n, tiles: 10 });
    const other = madeFull(random, { version: 6n, tiles: 10 });
    const disk = await withLeftovers(random.pick([same, other]), random.chance(0.5));
    const archive = await open(disk);
    let running = 3;
    const backups = [same, same, other].map(async (made) => {
      await takeBackup(archive, made);
      running--;
    });
    let collections = 0;
    while (running > 0) {
      await archive.gc().catch((error: unknown) => {
        assert.ok(error instanceof ArchiveError && error.code === "ARCHIVE_BUSY", String(error));
      });
      collections++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(backups);
    // The same head at the same time of day gives the same manifest.
    const names = (await archive.snapshots()).map(({ name }) => name);
    assert.ok(names.length === 3 || names.length === 2, `${names.length} snapshots`);
    await requireSound(disk, names.length, `round ${round}, ${collections} collections`);
    await archive.gc();
    assert.deepEqual(await archive.leftovers(), []);
    await requireSound(disk, names.length, `round ${round}, collected`);
  }
});
