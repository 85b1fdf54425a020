// Goal: what manifests claim is what is listed as long as nothing is damaged; where the first and
// last lines show damage nothing is believed, and what is believed is never of another shape.
// Method: a small archive in memory; every byte of both manifests changed, files renamed, of another
// ledger, cut, unreadable.
import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@holdfast/testing";
import { Archive } from "./archive.js";
import { ArchiveError } from "./archive-error.js";
import { HookedFiles } from "./test-support/hooked-files.js";
import { baseOf, LEDGER, madeDelta, madeFull, takeBackup } from "./test-support/made-snapshots.js";
import { SimulatedDisk } from "./test-support/simulated-disk.js";

async function smallArchive(): Promise<{ disk: SimulatedDisk; manifests: readonly string[] }> {
  const random = new SeededRandom(23);
  const disk = SimulatedDisk.immediate();
  const archive = await Archive.create("small", LEDGER, { files: disk });
  const full = await takeBackup(archive, madeFull(random, { version: 4n, tiles: 9 }));
  await takeBackup(archive, madeDelta(random, { version: 8n, tiles: 9, base: baseOf(full) }));
  const manifests = disk.fileNames().filter((name) => name.startsWith("snapshots/"));
  assert.equal(manifests.length, 2);
  return { disk, manifests };
}

test("a whole archive is what it claims; one without snapshots claims none", async () => {
  const { disk } = await smallArchive();
  const archive = await Archive.open("small", { files: disk });
  const claims = await archive.claimedSnapshots();
  assert.equal(claims?.length, 2);
  assert.deepEqual(claims, await archive.snapshots());
  const files = SimulatedDisk.immediate();
  const empty = await Archive.create("empty", LEDGER, { files });
  assert.deepEqual(await empty.claimedSnapshots(), []);
});

test("damage: nothing is believed, or the listing leaves out what was", async () => {
  const { disk, manifests } = await smallArchive();
  const archive = await Archive.open("small", { files: disk });
  const whole = await archive.claimedSnapshots();
  let believed = 0;
  for (const file of manifests) {
    const bytes = disk.bytesOf(file);
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const claims = await archive.claimedSnapshots();
      if (claims !== null) {
        believed++;
        assert.deepEqual(
          claims.map(({ name }) => name),
          whole?.map(({ name }) => name),
        );
        const listed = await archive.snapshots({ onDamage: () => undefined });
        assert.equal(listed.length, 1, `${file}, byte ${at}`);
      }
      bytes[at] = (bytes[at] ?? 0) ^ 1;
    }
  }
  assert.ok(believed > 500, "damage in tile lines does not show");
});

test("what has to be told is not believed", async () => {
  const { disk, manifests } = await smallArchive();
  const [full = "", delta = ""] = manifests;
  const claimsOf = async (files: ConstructorParameters<typeof HookedFiles>[0]) =>
    (await Archive.open("small", { files })).claimedSnapshots();
  const unreadable = new HookedFiles(disk, (operation, name) => {
    if (operation !== "read" || name !== delta) return;
    throw new ArchiveError("ARCHIVE_IO", `Cannot read ${name}: EIO.`, { file: name });
  });
  assert.equal(await claimsOf(unreadable), null);

  await disk.rename(full, "snapshots/mine.jsonl");
  assert.equal(await claimsOf(disk), null, "a name that is none");
  await disk.rename("snapshots/mine.jsonl", full.replace("-full-", "-delta-"));
  assert.equal(await claimsOf(disk), null, "of another kind");
  await disk.rename(full.replace("-full-", "-delta-"), full.replace("-full-", "-full-0"));
  assert.equal(await claimsOf(disk), null, "no digest");
  await disk.rename(full.replace("-full-", "-full-0"), full);
  assert.equal((await claimsOf(disk))?.length, 2);

  const others = SimulatedDisk.immediate();
  const other = await Archive.create("other", Buffer.alloc(16, 7), { files: others });
  await others.makeFolder("snapshots");
  const file = await others.create(full);
  await file.write(disk.bytesOf(full));
  await file.close();
  assert.equal(await other.claimedSnapshots(), null, "of another ledger");
});
