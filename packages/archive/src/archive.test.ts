// Goal: what was backed up is what is read, and folders that are no archive are refused.
// Method: random snapshots into a local folder, read back tile by tile; seeds are printed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { HoldfastError } from "@holdfast/core";
import { sha256 } from "@holdfast/merkle";
import { ManualClock, SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { Archive, checkArchive, newestManifestBytes } from "./archive.js";
import { ArchiveError, type ArchiveErrorCode } from "./archive-error.js";
import { encodeArchiveJson } from "./archive-json.js";
import {
  addTiles,
  baseOf,
  LEDGER,
  type MadeSnapshot,
  madeDelta,
  madeFull,
  takeBackup,
} from "./test-support/made-snapshots.js";
import { SimulatedDisk } from "./test-support/simulated-disk.js";
import type { TileLine } from "./tile-line.js";

const code = (expected: ArchiveErrorCode) => (error: unknown) =>
  error instanceof ArchiveError && error.code === expected;

test("random snapshots are read as they were written", async (t) => {
  const random = new SeededRandom(SeededRandom.seedFromEnvironment());
  t.diagnostic(`SEED=${random.seed}`);
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(join(folder.path, "a"), LEDGER, {
    clock: new ManualClock(),
    packBytes: 400,
  });
  let base: Awaited<ReturnType<typeof takeBackup>> | null = null;
  for (let round = 0; round < 12; round++) {
    const shape = { version: BigInt(random.int(1000) + 1000 * round), tiles: random.int(40) };
    const made: MadeSnapshot =
      base === null || random.chance(0.5)
        ? madeFull(random, shape)
        : madeDelta(random, { ...shape, base: baseOf(base) });
    base = await takeBackup(archive, made);
    assert.deepEqual(base.head, { ...made.head, createdTime: "2024-01-01T00:00:00.000Z" });
    await using reader = await archive.openSnapshot(base.name);
    assert.deepEqual(reader.head, base.head);
    assert.deepEqual(reader.foot, base.foot);
    let index = 0;
    for await (const { line, body } of reader.chunks()) {
      const tile = made.tiles[index++];
      assert.deepEqual(body, tile?.body ?? null);
      const {
        pack: _p,
        offset: _o,
        length: _l,
        ...rest
      } = line as TileLine & {
        pack: string;
        offset: number;
        length: number;
      };
      assert.deepEqual(rest, tile?.tile);
    }
    assert.equal(index, made.tiles.length);
    assert.equal(reader.foot.tiles, index);
  }
  const found = await archive.snapshots();
  assert.equal(found.length, 12);
  const check = await checkArchive(archive.location);
  assert.deepEqual([check.damages, check.leftovers], [0, []]);
  assert.equal(check.soundSnapshots.length, 12);
});

test("several bodies can be read at once, from more packs than are kept open", async () => {
  const random = new SeededRandom(5);
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER, { packBytes: 200 });
  const made = madeFull(random, { version: 1n, tiles: 60 });
  const { name } = await takeBackup(archive, made);
  await using reader = await archive.openSnapshot(name);
  const lines: TileLine[] = [];
  for await (const line of reader.tiles()) lines.push(line);
  const read = random.shuffle(lines.map((line, index) => ({ line, index })));
  await Promise.all(
    read.map(async ({ line, index }) => {
      assert.ok(line.kind !== "unchanged");
      assert.deepEqual(await reader.body(line), made.tiles[index]?.body);
    }),
  );
});

test("a body that is not its chunk, and tiles that are not the whole, are refused", async () => {
  const random = new SeededRandom(6);
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER);
  const made = madeFull(random, { version: 1n, tiles: 5 });
  {
    await using writer = await archive.beginBackup(made.head);
    const [first] = made.tiles;
    assert.ok(first !== undefined);
    await assert.rejects(writer.add(first.tile, Buffer.from("other")), code("CHUNK_MISMATCH"));
    await addTiles(writer, { ...made, tiles: made.tiles.slice(1) });
    await assert.rejects(writer.publish(), code("BACKUP_INCOMPLETE"));
    await writer.discard();
  }
  assert.deepEqual(await readdir(join(folder.path, "work")), []);
  assert.deepEqual(await archive.snapshots(), []);
  const contradiction = { ...made.head, logRoot: Buffer.alloc(32) };
  await assert.rejects(
    archive.beginBackup(contradiction),
    (error) => error instanceof HoldfastError && error.reason === "PROOF_INVALID",
  );
  const foreign = { ...made.head, ledgerId: Buffer.alloc(16) };
  await assert.rejects(archive.beginBackup(foreign), code("LEDGER_MISMATCH"));
  await assert.rejects(archive.openSnapshot("nonsense"), code("SNAPSHOT_NOT_FOUND"));
});

test("a body that was refused leaves no trace: the right one follows, or none", async () => {
  const random = new SeededRandom(7);
  const disk = SimulatedDisk.immediate();
  // Each body takes a pack of its own.
  const archive = await Archive.create("small", LEDGER, { files: disk, packBytes: 150 });
  const made = madeFull(random, { version: 1n, tiles: 6, bodyBytes: 60 });
  await using writer = await archive.beginBackup(made.head);
  for (const { tile, body } of made.tiles) {
    for (const length of [0, 1, 60, 400]) {
      const other = Buffer.alloc(length, 0xee);
      await assert.rejects(writer.add(tile, other), code("CHUNK_MISMATCH"));
    }
    await writer.add(tile, body);
  }
  const first = made.tiles[0];
  assert.ok(first !== undefined);
  await assert.rejects(writer.add(first.tile, first.body), /does not come next/);
  const { name, foot } = await writer.publish();
  assert.equal(foot.chunks, 6);
  assert.deepEqual(await archive.leftovers(), []);
  await using reader = await archive.openSnapshot(name);
  let next = 0;
  for await (const line of reader.tiles()) {
    assert.ok(line.kind !== "unchanged");
    assert.deepEqual(await reader.body(line), made.tiles[next++]?.body);
  }
});

test("a full snapshot that lists an empty tile is refused", async () => {
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER);
  const { head, tiles } = madeFull(new SeededRandom(9), { version: 3n, tiles: 3 });
  const empty = tiles.map((made, index) =>
    index === 1 && made.tile.kind === "full"
      ? { ...made, tile: { ...made.tile, node: { kind: "empty" } as const } }
      : made,
  );
  const { name } = await takeBackup(archive, { head, tiles: empty });
  await using reader = await archive.openSnapshot(name);
  await assert.rejects(async () => {
    for await (const _ of reader.tiles());
  }, /lists no empty tile/);
});

test("what is no archive, another ledger's or newer is refused and left as it is", async () => {
  await using folder = await temporaryDirectory();
  const missing = join(folder.path, "missing");
  await assert.rejects(Archive.open(missing), code("ARCHIVE_NOT_FOUND"));
  await assert.rejects(checkArchive(missing), code("ARCHIVE_NOT_FOUND"));
  for (const location of ["s3://bucket/x", "file://host/x", "file:///a%2fb"]) {
    await assert.rejects(Archive.open(location), code("ARCHIVE_LOCATION_UNSUPPORTED"), location);
  }
  await assert.rejects(Archive.open(folder.path), code("NOT_AN_ARCHIVE"));

  const other = join(folder.path, "other");
  await mkdir(other);
  await writeFile(join(other, "letter.txt"), "dear");
  await assert.rejects(Archive.open(other), code("NOT_AN_ARCHIVE"));
  await assert.rejects(checkArchive(other), code("NOT_AN_ARCHIVE"));
  await assert.rejects(Archive.create(other, LEDGER), code("NOT_AN_ARCHIVE"));
  await assert.rejects(Archive.create(join(other, "letter.txt"), LEDGER), code("ARCHIVE_IO"));
  assert.deepEqual(await readdir(other), ["letter.txt"]);

  const mine = join(folder.path, "mine");
  await Archive.create(mine, LEDGER);
  assert.deepEqual((await Archive.open(pathToFileURL(mine).href)).ledgerId, LEDGER);
  await Archive.create(mine, LEDGER);
  await assert.rejects(Archive.create(mine, Buffer.alloc(16)), code("LEDGER_MISMATCH"));

  const json = join(mine, "archive.json");
  const newer = encodeArchiveJson({ ledgerId: LEDGER, createdTime: "2030-01-01T00:00:00.000Z" });
  const text = newer.toString().slice(0, -67).replace('"format":1', '"format":2');
  const digest = sha256(Buffer.from(text)).toString("hex");
  await writeFile(json, `${text}${digest}"}\n`);
  await assert.rejects(Archive.open(mine), code("ARCHIVE_FORMAT_NEWER"));
  await assert.rejects(checkArchive(mine), code("ARCHIVE_FORMAT_NEWER"));
  // The same without its digest is not newer but damaged.
  await writeFile(json, `${text}${newer.toString().slice(-67)}`);
  await assert.rejects(Archive.open(mine), code("DAMAGED"));
});

test("an archive that lost archive.json is damaged, and never made anew", async () => {
  const random = new SeededRandom(7);
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER);
  await takeBackup(archive, madeFull(random, { version: 3n, tiles: 3 }));
  await rm(join(folder.path, "archive.json"));
  await assert.rejects(Archive.open(folder.path), code("DAMAGED"));
  await assert.rejects(Archive.create(folder.path, LEDGER), code("DAMAGED"));
  assert.equal((await checkArchive(folder.path)).damages, 1);
});

test("archives are made at the same time by several, and once", async () => {
  await using folder = await temporaryDirectory();
  const path = join(folder.path, "deep", "er");
  const all = await Promise.all(Array.from({ length: 8 }, () => Archive.create(path, LEDGER)));
  assert.equal(new Set(all.map(({ createdTime }) => createdTime)).size, 1);
  assert.deepEqual(await readdir(path), ["archive.json"]);
});

test("the digest of every text file is what head and sha256sum show", async () => {
  const random = new SeededRandom(8);
  await using folder = await temporaryDirectory();
  const archive = await Archive.create(folder.path, LEDGER);
  const { name } = await takeBackup(archive, madeFull(random, { version: 3n, tiles: 3 }));
  for (const file of ["archive.json", `snapshots/${name}.jsonl`]) {
    const path = join(folder.path, file);
    const sum = execFileSync("sh", ["-c", `head -c -67 "$0" | sha256sum`, path]).toString();
    assert.equal((await readFile(path, "utf8")).slice(-67, -3), sum.slice(0, 64), file);
  }
  for (const two of await readdir(join(folder.path, "packs"))) {
    for (const pack of await readdir(join(folder.path, "packs", two))) {
      const path = join(folder.path, "packs", two, pack);
      const sum = execFileSync("sh", ["-c", `head -c -32 "$0" | sha256sum`, path]).toString();
      assert.equal(pack, `${sum.slice(0, 64)}.pack`);
    }
  }
});

test("tells how large the newest manifest is, before anything is read", async () => {
  await using folder = await temporaryDirectory();
  const location = join(folder.path, "a");
  assert.equal(await newestManifestBytes(location), null);
  const archive = await Archive.create(location, LEDGER, { clock: new ManualClock() });
  assert.equal(await newestManifestBytes(location), null);
  const random = new SeededRandom(5);
  const newest = await takeBackup(archive, madeFull(random, { version: 9n, tiles: 3 }));
  await takeBackup(archive, madeFull(random, { version: 8n, tiles: 30 }));
  assert.equal(await newestManifestBytes(location), newest.manifestBytes);
  await assert.rejects(newestManifestBytes("s3://bucket"), code("ARCHIVE_LOCATION_UNSUPPORTED"));
});
