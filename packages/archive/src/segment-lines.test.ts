// Goal: the manifest of an interrupted and resumed backup is that of one in one go, and what the
// interrupted run wrote is checked again before it is published.
// Method: a backup closed half-way and gone on with; its first segment damaged in between.
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { ManualClock, SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { Archive } from "./archive.js";
import { DamageError } from "./archive-error.js";
import type { BackupWriter } from "./backup-writer.js";
import { LEDGER, type MadeSnapshot, madeFull } from "./test-support/made-snapshots.js";

const made = madeFull(new SeededRandom(7), { version: 7n, tiles: 40 });

/** Adds the tiles behind what the writer has, `most` of them. */
async function addBehind(
  writer: BackupWriter,
  { tiles }: MadeSnapshot,
  most: number,
): Promise<void> {
  const { lastPath } = writer;
  const left = tiles.filter(({ tile }) => lastPath === null || tile.path > lastPath);
  for (const { tile, body } of left.slice(0, most)) await writer.add(tile, body);
}

/** An archive in which a backup was interrupted. */
async function interrupted(location: string): Promise<Archive> {
  const archive = await Archive.create(location, LEDGER, {
    clock: new ManualClock(),
    packBytes: 500,
  });
  await using writer = await archive.beginBackup(made.head);
  await addBehind(writer, made, 25);
  return archive;
}

test("a resumed backup publishes the lines of both runs", async () => {
  await using folder = await temporaryDirectory();
  const archive = await interrupted(join(folder.path, "resumed"));
  await using writer = await archive.beginBackup(made.head, { resume: true });
  assert.ok(writer.resumed);
  await addBehind(writer, made, Number.POSITIVE_INFINITY);
  const resumed = await writer.publish();

  const other = await Archive.create(join(folder.path, "whole"), LEDGER, {
    clock: new ManualClock(),
    packBytes: 500,
  });
  await using whole = await other.beginBackup(made.head);
  await addBehind(whole, made, Number.POSITIVE_INFINITY);
  const { foot } = await whole.publish();
  assert.deepEqual([resumed.foot.tiles, resumed.foot.chunks], [foot.tiles, foot.chunks]);
  assert.equal(resumed.foot.storedBytes, foot.storedBytes);
  await using reader = await archive.openSnapshot(resumed.name);
  const paths: string[] = [];
  for await (const { path } of reader.tiles()) paths.push(path);
  assert.deepEqual(
    paths,
    made.tiles.map(({ tile }) => tile.path),
  );
});

test("a segment of the interrupted run that is damaged meanwhile is not published", async () => {
  await using folder = await temporaryDirectory();
  const archive = await interrupted(folder.path);
  await using writer = await archive.beginBackup(made.head, { resume: true });
  const work = join(folder.path, "work", writer.backupId);
  const [segment] = (await readdir(work)).filter((name) => name.startsWith("000001-"));
  assert.ok(segment !== undefined);
  const text = await readFile(join(work, segment), "latin1");
  await writeFile(join(work, segment), text.replace('"items":', '"items":1'), "latin1");
  await assert.rejects(async () => {
    await addBehind(writer, made, Number.POSITIVE_INFINITY);
    await writer.publish();
  }, DamageError);
  assert.deepEqual(await archive.snapshots(), []);
});
