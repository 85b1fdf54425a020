// Goal: verify, compact, diff and the choice of a chain, on archives that are whole, that lie with
// right digests, and that are damaged. Method: snapshots written straight into a folder.
import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { type Archive, DamageError, type TileLine } from "@holdfast/archive";
import { systemClock } from "@holdfast/core";
import { sha256 } from "@holdfast/merkle";
import { temporaryDirectory } from "@holdfast/testing";
import { archiveContents } from "./archive-contents.js";
import { compactSnapshot } from "./compact-snapshot.js";
import { diffSnapshots } from "./diff-snapshots.js";
import type { JobDependencies } from "./job.js";
import { type Chain, chooseChain, completeChain, type StateWish } from "./restore-choice.js";
import { type Bend, stateOf, WrittenArchive } from "./test-support/written-archive.js";
import { type Finding, verifyArchive } from "./verify-archive.js";

const job: JobDependencies = { clock: systemClock, signal: new AbortController().signal };
const first = stateOf(300, "first");
const second = { ...stateOf(150, "second"), more: "keys" };

async function written(
  work: (archive: WrittenArchive, location: string) => Promise<void>,
): Promise<void> {
  await using folder = await temporaryDirectory();
  const location = join(folder.path, "archive");
  await work(await WrittenArchive.create(location), location);
}

async function findings(location: string): Promise<Finding[]> {
  const found: Finding[] = [];
  const report = await verifyArchive(location, job, (finding) => found.push(finding));
  assert.equal(report.findings, found.length);
  return found;
}

async function tilesIn(archive: Archive, name: string): Promise<TileLine[]> {
  await using reader = await archive.openSnapshot(name);
  const tiles: TileLine[] = [];
  for await (const tile of reader.tiles()) tiles.push(tile);
  return tiles;
}

/** Flips a bit in the middle of a snapshot's manifest. */
async function damage(archive: Archive, name: string): Promise<void> {
  const path = join(archive.location, "snapshots", `${name}.jsonl`);
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

async function chainIn(archive: Archive, wish: StateWish): Promise<Chain> {
  return chooseChain(await archiveContents(archive, job.signal), wish);
}

test("a whole archive has no finding", () =>
  written(async (archive, location) => {
    await archive.full(first);
    await archive.delta(second);
    await archive.delta({});
    await archive.delta(first);
    assert.deepEqual(await findings(location), []);
  }));

test("tiles that lie with right digests are all named", () =>
  written(async (archive, location) => {
    const liars = new Set(["3", "a"]);
    const lie: Bend = (tile, body) => {
      if (!liars.has(tile.path) || tile.kind !== "full") return { tile, body };
      return { tile: { ...tile, node: { kind: "inner", hash: sha256(Buffer.from("lie")) } }, body };
    };
    const { name } = await archive.full(first, lie);
    const found = await findings(location);
    assert.deepEqual(
      found.map(({ part, path, message }) => [part, path, message]),
      [
        ["proof", "3", "its items fold to another node"],
        ["proof", "a", "its items fold to another node"],
        ["proof", undefined, "the tiles fold to another state root"],
      ],
    );
    for (const { snapshot, pack, chunk, keyRange, path } of found.slice(0, 2)) {
      assert.equal(snapshot, name);
      assert.match(pack ?? "", /^[0-9a-f]{64}$/);
      assert.match(chunk ?? "", /^[0-9a-f]{64}$/);
      assert.equal(keyRange?.start, path?.padEnd(64, "0"));
    }
  }));

test("a delta that leaves out a change is found", () =>
  written(async (archive, location) => {
    await archive.full(first);
    const node = { kind: "inner", hash: sha256(Buffer.from("lie")) } as const;
    await archive.delta(second, (tile, body) =>
      tile.path === "7" && tile.kind === "changed"
        ? {
            tile: { kind: "unchanged", path: "7", node, items: tile.items, bytes: tile.bytes },
            body: null,
          }
        : { tile, body },
    );
    const messages = (await findings(location)).map(({ message }) => message);
    assert.ok(messages.includes("the tiles fold to another state root"), messages.join());
    assert.ok(messages.includes("the tiles fold to another root of the base"), messages.join());
  }));

test("what the disk refuses to read is a finding, and the rest is proved", () =>
  written(async (archive, location) => {
    const rotten = await archive.full(first);
    await archive.full(second);
    const [tile] = await tilesIn(archive.archive, rotten.name);
    assert.ok(tile !== undefined && tile.kind !== "unchanged");
    const pack = `packs/${tile.pack.slice(0, 2)}/${tile.pack}.pack`;
    await rm(join(location, pack));
    // A folder opens like a file and cannot be read.
    await mkdir(join(location, pack));
    assert.ok((await findings(location)).some(({ file }) => file === pack));
    const manifest = `snapshots/${rotten.name}.jsonl`;
    await rm(join(location, manifest));
    await mkdir(join(location, manifest));
    assert.ok((await findings(location)).some(({ file }) => file === manifest));
    const { snapshots, leftOut } = await archiveContents(archive.archive, job.signal);
    assert.deepEqual([snapshots.length, leftOut[0]?.file], [1, manifest]);
  }));

test("a chain is folded into what a full snapshot would be", () =>
  written(async (archive, location) => {
    await archive.full(first);
    await archive.delta(second);
    const { snapshot, chainLength } = await compactSnapshot(location, {}, job);
    assert.equal(chainLength, 2);
    assert.equal(snapshot.head.kind, "full");
    await using folder = await temporaryDirectory();
    const direct = await WrittenArchive.create(join(folder.path, "direct"));
    await direct.full(first);
    const expected = await direct.full(second);
    assert.deepEqual(snapshot.head.stateRoot, expected.head.stateRoot);
    const chunks = async (of: Archive, name: string): Promise<unknown[]> => {
      await using reader = await of.openSnapshot(name);
      const lines: unknown[] = [];
      for await (const { line, body } of reader.chunks()) lines.push([line.path, body]);
      return lines;
    };
    assert.deepEqual(
      await chunks(archive.archive, snapshot.name),
      await chunks(direct.archive, expected.name),
    );
    assert.equal((await compactSnapshot(location, {}, job)).alreadyThere, true);
    assert.deepEqual(await findings(location), []);
  }));

test("a chain that does not give its root is not compacted", () =>
  written(async (archive, location) => {
    // The full snapshot has another value of one key than it says; its digests are right.
    const rotten = await WrittenArchive.create(join(location, "..", "rotten"));
    await rotten.full(first, (tile, body) => {
      if (tile.kind !== "full" || tile.path !== "5" || body === null) return { tile, body };
      const changed = Buffer.from(body);
      const at = changed.length - 1;
      changed[at] = (changed[at] ?? 0) ^ 1;
      return { tile: { ...tile, chunk: sha256(changed) }, body: changed };
    });
    await rotten.delta({ ...first, more: "keys" });
    const { location: where } = rotten.archive;
    await assert.rejects(compactSnapshot(where, {}, job), { reason: "PROOF_INVALID" });
    assert.equal((await rotten.archive.snapshots()).length, 2, "nothing was published");
    assert.ok((await findings(where)).some(({ path }) => path === "5"));
    await archive.full(first);
  }));

test("two states differ in the keys that differ", () =>
  written(async ({ archive }, _location) => {
    const all = await WrittenArchive.create(archive.location);
    await all.full({ a: "1", b: "2", c: "3" });
    await all.delta({ b: "2", c: "4", d: "5" });
    const contents = await archiveContents(archive, job.signal);
    const [from, to] = contents.snapshots;
    assert.ok(from !== undefined && to !== undefined);
    const chains = [completeChain(contents, from), completeChain(contents, to)] as const;
    const found: string[] = [];
    for await (const { key, value } of diffSnapshots(archive, ...chains, job.signal)) {
      found.push(`${key} ${value ?? "gone"}`);
    }
    assert.deepEqual(found.sort(), ["a gone", "c 4", "d 5"]);
  }));

test("a damaged manifest is left out only where it cannot be what is wanted", () =>
  written(async (archive) => {
    const old = await archive.full(first);
    const middle = await archive.full(second);
    const newest = await archive.full(first);
    const { archive: opened } = archive;
    await damage(opened, old.name);
    const chain = await chainIn(opened, {});
    assert.equal(chain[0].name, newest.name, "an older one is of no matter");
    await damage(opened, newest.name);
    await assert.rejects(chainIn(opened, {}), DamageError);
    const named = await chainIn(opened, { toVersion: 1n });
    assert.equal(named[0].name, middle.name, "nor is one beyond the version that is wanted");
    await assert.rejects(chainIn(opened, { toVersion: 2n }), DamageError);
    await damage(opened, middle.name);
    await assert.rejects(chainIn(opened, {}), DamageError);
  }));

test("a chain whose base is damaged is not complete", () =>
  written(async (archive) => {
    const base = await archive.full(first);
    await archive.delta(second);
    await damage(archive.archive, base.name);
    await assert.rejects(chainIn(archive.archive, {}), { reason: "PROOF_INVALID" });
  }));
