// Goal: an error of the disk at any operation is a clear error, breaks nothing and is got over.
// Method: a simulated disk that fails one operation, or all from one on; then a healthy disk.
import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@holdfast/testing";
import { Archive, checkArchive } from "./archive.js";
import { ArchiveError, DamageError } from "./archive-error.js";
import { HookedFiles } from "./test-support/hooked-files.js";
import { addTiles, LEDGER, madeFull, takeBackup } from "./test-support/made-snapshots.js";
import { SimulatedDisk } from "./test-support/simulated-disk.js";

for (const lasting of [false, true]) {
  test(`a disk that fails ${lasting ? "for good" : "once"}, at every operation`, async (t) => {
    const random = new SeededRandom(SeededRandom.seedFromEnvironment());
    t.diagnostic(`SEED=${random.seed}`);
    const made = madeFull(random, { version: 77n, tiles: 14 });
    let failures = 0;
    for (let failAt = 0; ; failAt++) {
      const disk = new SimulatedDisk();
      let operations = 0;
      const files = new HookedFiles(disk, (operation, name) => {
        operations++;
        if (lasting ? operations <= failAt : operations !== failAt + 1) return;
        throw new ArchiveError("ARCHIVE_DISK_FULL", `Cannot ${operation} ${name}.`, { file: name });
      });
      let published = false;
      try {
        const options = { files, packBytes: 300 };
        const archive = await Archive.create("simulated", LEDGER, options);
        await using writer = await archive.beginBackup(made.head, { resume: true });
        await addTiles(writer, made);
        await writer.publish();
        published = true;
      } catch (error) {
        assert.ok(isDiskFull(error), `operation ${failAt}: ${String(error)}`);
        failures++;
      }
      if (published && operations <= failAt) break;
      const archive = await Archive.create("simulated", LEDGER, { files: disk, packBytes: 300 });
      const found = await archive.snapshots();
      // Cleaning up after publishing may have failed; the snapshot is there all the same.
      if (published) assert.equal(found.length, 1);
      if (found.length === 0) await takeBackup(archive, made);
      await archive.gc();
      assert.deepEqual(await archive.leftovers(), []);
      await checkArchive("simulated", {
        files: disk,
        onDamage: (damage) => assert.fail(`${failAt}: ${new DamageError(damage).message}`),
      });
      assert.equal((await archive.snapshots()).length, 1, `operation ${failAt}`);
    }
    assert.ok(failures > 50, `only ${failures} failures`);
  });
}

/** Closing after the error may fail for the same reason; then both are told. */
function isDiskFull(error: unknown): boolean {
  if (error instanceof Error && error.name === "SuppressedError") {
    const both = error as Error & { error: unknown; suppressed: unknown };
    return isDiskFull(both.error) && isDiskFull(both.suppressed);
  }
  return error instanceof ArchiveError && error.code === "ARCHIVE_DISK_FULL";
}

test("a body that was not written is never in a published pack", async () => {
  const random = new SeededRandom(9);
  const made = madeFull(random, { version: 1n, tiles: 10, bodyBytes: 400_000 });
  const disk = new SimulatedDisk();
  let writes = 0;
  const files = new HookedFiles(disk, (operation, name) => {
    if (operation !== "write" || !name.includes("pack") || ++writes !== 2) return;
    throw new ArchiveError("ARCHIVE_IO", "EIO");
  });
  const archive = await Archive.create("simulated", LEDGER, { files });
  const writer = await archive.beginBackup(made.head);
  await assert.rejects(
    (async () => {
      await addTiles(writer, made);
      await writer.publish();
    })(),
    (error) => error instanceof ArchiveError && error.code === "ARCHIVE_IO",
  );
  await writer.close();
  assert.deepEqual(await archive.snapshots(), []);
  await takeBackup(archive, made);
  assert.equal((await checkArchive("simulated", { files: disk })).damages, 0);
});

test("an interrupted backup that cannot be read does not stop the next one", async () => {
  const made = madeFull(new SeededRandom(10), { version: 1n, tiles: 10, bodyBytes: 200 });
  for (const bad of [/head\.jsonl$/, /000001-.*\.jsonl$/]) {
    const disk = SimulatedDisk.immediate();
    const before = await Archive.create("simulated", LEDGER, { files: disk, packBytes: 400 });
    const interrupted = await before.beginBackup(made.head);
    await addTiles(interrupted, made);
    await interrupted.close();
    const rotten = disk.fileNames().filter((name) => bad.test(name));
    assert.ok(rotten.length === 1, rotten.join());
    const files = new HookedFiles(disk, (operation, name) => {
      if (operation !== "read" || !rotten.includes(name)) return;
      throw new ArchiveError("ARCHIVE_IO", `Cannot read ${name}: EIO.`, { file: name });
    });
    const archive = await Archive.open("simulated", { files, packBytes: 400 });
    const writer = await archive.beginBackup(made.head, { resume: true });
    assert.equal(writer.resumed, false);
    await writer.close();
  }
});

test("a folder that cannot be made is an error, and no endless wait", async () => {
  await assert.rejects(Archive.create("/proc/holdfast/archive", LEDGER), {
    code: "ARCHIVE_IO",
    message: /^Cannot make the folder of the archive: .*\/proc\/holdfast/,
  });
});
