// Goal: any single damage is found and named, and reading refuses it; leftovers are never damage.
// Method: a tiny archive in memory (a full snapshot, a delta, several packs); every bit of every
// file flipped, every file cut at every length, removed, lengthened and exchanged.
import assert from "node:assert/strict";
import test from "node:test";
import { pathRange } from "@holdfast/merkle";
import { SeededRandom } from "@holdfast/testing";
import { Archive, checkArchive } from "./archive.js";
import { ArchiveError, type Damage, DamageError } from "./archive-error.js";
import { RECORD_HEADER_BYTES } from "./pack-format.js";
import { HookedFiles } from "./test-support/hooked-files.js";
import {
  addTiles,
  baseOf,
  LEDGER,
  madeDelta,
  madeFull,
  takeBackup,
} from "./test-support/made-snapshots.js";
import { SimulatedDisk } from "./test-support/simulated-disk.js";
import type { ChunkLine } from "./tile-line.js";

interface Tiny {
  readonly disk: SimulatedDisk;
  /** Tile lines with a body, by snapshot. */
  readonly lines: ReadonlyMap<string, readonly ChunkLine[]>;
}

async function tinyArchive(): Promise<Tiny> {
  const random = new SeededRandom(11);
  const disk = SimulatedDisk.immediate();
  const archive = await Archive.create("tiny", LEDGER, { files: disk, packBytes: 200 });
  const full = await takeBackup(archive, madeFull(random, { version: 4n, tiles: 3 }));
  const delta = madeDelta(random, { version: 8n, tiles: 4, base: baseOf(full) });
  await takeBackup(archive, delta);
  const lines = new Map<string, ChunkLine[]>();
  for (const { name } of await archive.snapshots()) {
    const found: ChunkLine[] = [];
    await using reader = await archive.openSnapshot(name);
    for await (const line of reader.tiles()) if (line.kind !== "unchanged") found.push(line);
    lines.set(name, found);
  }
  return { disk, lines };
}

async function damagesOf(disk: SimulatedDisk): Promise<Damage[]> {
  const damages: Damage[] = [];
  const options = { files: disk, onDamage: (damage: Damage) => damages.push(damage) };
  const result = await checkArchive("tiny", options);
  assert.equal(result.damages, damages.length);
  assert.equal(result.soundSnapshots.length === result.snapshots.length, !damages.some(bySnapshot));
  return damages;
}

/** What a list shows of an archive with damaged manifests. */
async function listed(archive: Archive): Promise<{ versions: bigint[]; damaged: string[] }> {
  const damaged = new Set<string>();
  const snapshots = await archive.snapshots({ onDamage: ({ file }) => damaged.add(file) });
  return { versions: snapshots.map(({ head }) => head.version), damaged: [...damaged] };
}

const bySnapshot = ({ snapshot }: Damage): boolean => snapshot !== undefined;

/** What reading everything refuses: files named by the damage. */
async function refusals(disk: SimulatedDisk): Promise<Set<string>> {
  const refused = new Set<string>();
  const note = (error: unknown): void => {
    assert.ok(error instanceof DamageError, String(error));
    refused.add(error.damage.file);
  };
  const archive = await Archive.open("tiny", { files: disk }).catch(note);
  if (archive === undefined) return refused;
  const snapshots = await archive.snapshots({ onDamage: ({ file }) => refused.add(file) });
  for (const { name } of snapshots) {
    try {
      await using reader = await archive.openSnapshot(name);
      for await (const _ of reader.chunks());
    } catch (error) {
      note(error);
    }
  }
  return refused;
}

test("the tiny archive is sound", async () => {
  const { disk, lines } = await tinyArchive();
  assert.deepEqual(await damagesOf(disk), []);
  assert.deepEqual(await refusals(disk), new Set());
  assert.equal(lines.size, 2);
  const packs = disk.fileNames().filter((name) => name.endsWith(".pack"));
  assert.ok(packs.length >= 2, `${packs.length} packs`);
});

test("every flipped bit is found and named, and refused where it is read", async (t) => {
  const { disk, lines } = await tinyArchive();
  const files = disk.fileNames();
  let flips = 0;
  for (const file of files) {
    const bytes = disk.bytesOf(file);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        const where = `${file}, byte ${at}, bit ${bit}`;
        const damages = await damagesOf(disk);
        assert.ok(damages.length > 0, `not found: ${where}`);
        for (const damage of damages) {
          // A damaged manifest may name packs that never were, and no longer be a whole base.
          const follows = file.startsWith("snapshots/") && damage.part !== "archive";
          assert.ok(damage.file === file || follows, `${damage.file} for ${where}`);
        }
        assert.ok(
          damages.some((damage) => damage.file === file),
          `not named: ${where}`,
        );
        if (file.endsWith(".pack")) requireNamed(damages, lines, file, at, where);
        if (bit === at % 8 && isRead(lines, file, at)) {
          assert.ok((await refusals(disk)).has(file), `not refused: ${where}`);
        }
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        flips++;
      }
    }
  }
  t.diagnostic(`${flips} flips in ${files.length} files`);
  assert.ok(flips > 20_000);
});

/** Whether a reader of all snapshots comes upon this byte: everything but a pack's frame. */
function isRead(lines: Tiny["lines"], file: string, at: number): boolean {
  return !file.endsWith(".pack") || recordAt(lines, file, at).length > 0;
}

function recordAt(lines: Tiny["lines"], file: string, at: number): [string, ChunkLine][] {
  return [...lines].flatMap(([snapshot, all]) =>
    all
      .filter(({ pack }) => file.endsWith(`${pack}.pack`))
      .filter(({ offset, length }) => at >= offset && at < offset + RECORD_HEADER_BYTES + length)
      .map((line): [string, ChunkLine] => [snapshot, line]),
  );
}

/** Damage in a record names pack, chunk and key range of its tile; other damage the pack. */
function requireNamed(
  damages: readonly Damage[],
  lines: Tiny["lines"],
  file: string,
  at: number,
  where: string,
): void {
  assert.equal(damages.length, 1, `${damages.length} damages for ${where}`);
  const [damage] = damages;
  assert.ok(damage !== undefined);
  const [hit] = recordAt(lines, file, at);
  assert.equal(damage.pack, file.slice(-69, -5), where);
  assert.equal(damage.part, hit === undefined ? "pack" : "chunk", where);
  if (hit === undefined) return;
  const [snapshot, line] = hit;
  const { start, end } = pathRange(line.path);
  assert.equal(damage.snapshot, snapshot, where);
  assert.equal(damage.chunk, line.chunk.toString("hex"), where);
  assert.equal(damage.path, line.path, where);
  const keyRange = { start: start.toString("hex"), end: end?.toString("hex") ?? null };
  assert.deepEqual(damage.keyRange, keyRange, where);
}

test("files cut off, lengthened, emptied and removed are damage", async () => {
  const { disk } = await tinyArchive();
  for (const file of disk.fileNames()) {
    const whole = disk.bytesOf(file);
    const others: Uint8Array[] = [
      Buffer.concat([whole, Buffer.from("x")]),
      Buffer.concat([whole, whole]),
    ];
    for (let length = 0; length < whole.length; length++) others.push(whole.subarray(0, length));
    for (const bytes of others) {
      disk.setBytes(file, Buffer.from(bytes));
      const named = (await damagesOf(disk)).some((damage) => damage.file === file);
      assert.ok(named, `${file} of ${bytes.length} bytes instead of ${whole.length}`);
    }
    disk.setBytes(file, whole);
  }
  for (const file of disk.fileNames().filter((name) => !name.startsWith("snapshots/"))) {
    const broken = disk.afterKill();
    await broken.remove(file);
    const damages = await damagesOf(broken);
    assert.ok(damages.length > 0 && damages.every((damage) => damage.file === file), file);
  }
});

test("a missing base, an exchanged file and a wrong name are damage", async () => {
  const { disk, lines } = await tinyArchive();
  const [full = "", ...later] = [...lines.keys()].sort();
  const deltaName = later.find((name) => name.includes("-delta-")) ?? "";

  const baseless = disk.afterKill();
  await baseless.remove(`snapshots/${full}.jsonl`);
  const missing = await damagesOf(baseless);
  assert.deepEqual(
    missing.map(({ part, snapshot }) => [part, snapshot]),
    [["base", deltaName]],
  );

  const packs = disk.fileNames().filter((name) => name.endsWith(".pack"));
  const exchanged = disk.afterKill();
  exchanged.setBytes(packs[0] ?? "", disk.bytesOf(packs[1] ?? ""));
  assert.ok((await damagesOf(exchanged)).every(({ file }) => file === packs[0]));
  assert.ok((await refusals(exchanged)).has(packs[0] ?? ""));

  for (const name of ["x.jsonl", `${full}x.jsonl`, `${full.replace("-full-", "-delta-")}.jsonl`]) {
    const renamed = disk.afterKill();
    await renamed.rename(`snapshots/${full}.jsonl`, `snapshots/${name}`);
    const damages = await damagesOf(renamed);
    assert.ok(damages.some(({ file }) => file === `snapshots/${name}`));
    const archive = await Archive.open("tiny", { files: renamed });
    assert.deepEqual(await listed(archive), { versions: [8n], damaged: [`snapshots/${name}`] });
    await assert.rejects(archive.gc(), { code: "DAMAGED", message: /Nothing was deleted/ });
    assert.equal(renamed.fileNames().length, disk.fileNames().length + 1);
  }
});

test("a manifest of another ledger is left out, and told", async () => {
  const { disk } = await tinyArchive();
  const foreign = SimulatedDisk.immediate();
  const ledgerId = Buffer.alloc(16, 0x2f);
  const other = await Archive.create("other", ledgerId, { files: foreign });
  const made = madeFull(new SeededRandom(13), { version: 20n, tiles: 3 });
  const { name } = await takeBackup(other, { ...made, head: { ...made.head, ledgerId } });
  const file = `snapshots/${name}.jsonl`;
  const copy = await disk.create(file);
  await copy.write(foreign.bytesOf(file));
  await copy.close();
  const archive = await Archive.open("tiny", { files: disk });
  assert.deepEqual(await listed(archive), { versions: [4n, 8n], damaged: [file] });
  await assert.rejects(archive.snapshots(), DamageError);
  assert.ok((await damagesOf(disk)).some((damage) => damage.file === file));
});

test("several damages are all reported", async () => {
  const { disk, lines } = await tinyArchive();
  const expected = new Set<string>();
  for (const all of lines.values()) {
    for (const line of all) {
      const pack = disk.fileNames().find((name) => name.endsWith(`${line.pack}.pack`)) ?? "";
      const bytes = disk.bytesOf(pack);
      const at = line.offset + (line.length === 0 ? 10 : RECORD_HEADER_BYTES);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      expected.add(line.chunk.toString("hex"));
    }
  }
  const json = disk.bytesOf("archive.json");
  json[30] = (json[30] ?? 0) ^ 1;
  const damages = await damagesOf(disk);
  assert.deepEqual(new Set(damages.flatMap(({ chunk }) => chunk ?? [])), expected);
  assert.ok(damages.some(({ part }) => part === "archive"));
});

test("leftovers are listed and never damage", async () => {
  const { disk } = await tinyArchive();
  const archive = await Archive.open("tiny", { files: disk, packBytes: 200 });
  const random = new SeededRandom(12);
  const made = madeFull(random, { version: 20n, tiles: 12 });
  const writer = await archive.beginBackup(made.head);
  await addTiles(writer, made);
  await writer.close();
  const file = await disk.create("snapshots/copy.part");
  await file.write(Buffer.from("half"));
  const damages: Damage[] = [];
  const result = await checkArchive("tiny", { files: disk, onDamage: (it) => damages.push(it) });
  assert.deepEqual(damages, []);
  const kinds = new Set(result.leftovers.map(({ kind }) => kind));
  assert.deepEqual(kinds, new Set(["partial", "work", "pack"]));
  const before = (await archive.snapshots()).length;
  const dry = await archive.gc({ dryRun: true });
  assert.deepEqual(dry.collected, result.leftovers);
  assert.deepEqual(await archive.gc(), dry);
  assert.deepEqual(await archive.leftovers(), []);
  assert.equal((await archive.snapshots()).length, before);
  assert.deepEqual(await damagesOf(disk), []);
});

test("a disk that cannot be read is damage too, and named", async () => {
  const { disk } = await tinyArchive();
  for (const bad of disk.fileNames()) {
    const files = new HookedFiles(disk, (operation, name) => {
      if (operation !== "read" || name !== bad) return;
      throw new ArchiveError("ARCHIVE_IO", `Cannot read ${name}: EIO.`, { file: name });
    });
    const damages: Damage[] = [];
    await checkArchive("tiny", { files, onDamage: (damage) => damages.push(damage) });
    assert.ok(
      damages.some(({ file }) => file === bad),
      bad,
    );
  }
});
