// Goal: a snapshot of a newer format is in the way only of who needs it, and of who adds or deletes.
// Method: manifests rewritten as a later format would be, with right digests.
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { systemClock } from "@holdfast/core";
import { sha256 } from "@holdfast/merkle";
import { temporaryDirectory } from "@holdfast/testing";
import { archiveContents } from "./archive-contents.js";
import { compactSnapshot } from "./compact-snapshot.js";
import { findSnapshot } from "./find-snapshot.js";
import type { JobDependencies } from "./job.js";
import { chooseChain, completeChain } from "./restore-choice.js";
import { stateOf, WrittenArchive } from "./test-support/written-archive.js";
import { type Finding, type VerifyReport, verifyArchive } from "./verify-archive.js";

const job: JobDependencies = { clock: systemClock, signal: new AbortController().signal };
const NEWER = { code: "ARCHIVE_FORMAT_NEWER", message: /has format 2, .* newer/ };
/** `"}` and a line feed behind 64 digits. */
const TAIL_BYTES = 67;

/** Makes a snapshot one of format 2; answers its new name. */
async function makeNewer(location: string, name: string): Promise<string> {
  const file = (of: string): string => join(location, "snapshots", `${of}.jsonl`);
  const text = (await readFile(file(name), "utf8")).slice(0, -TAIL_BYTES);
  const newer = text.replace('{"format":1,', '{"format":2,');
  const digest = sha256(Buffer.from(newer)).toString("hex");
  const named = name.replace(/[0-9a-f]{16}$/, digest.slice(0, 16));
  await writeFile(file(named), `${newer}${digest}"}\n`);
  await rm(file(name));
  return named;
}

async function written(
  work: (archive: WrittenArchive, location: string) => Promise<void>,
): Promise<void> {
  await using folder = await temporaryDirectory();
  const location = join(folder.path, "archive");
  await work(await WrittenArchive.create(location), location);
}

test("the others are listed, named and chosen", () =>
  written(async (archive, location) => {
    const [old, middle, newest] = [
      await archive.full(stateOf(20, "old")),
      await archive.full(stateOf(20, "middle")),
      await archive.full(stateOf(20, "newest")),
    ];
    const newer = await makeNewer(location, middle.name);
    const contents = await archiveContents(archive.archive, job.signal);
    const file = `snapshots/${newer}.jsonl`;
    assert.deepEqual(
      contents.snapshots.map(({ name }) => name),
      [old.name, newest.name],
    );
    assert.deepEqual(
      contents.leftOut.map((each) => [each.file, each.error.code, each.error.metadata["format"]]),
      [[file, NEWER.code, "2"]],
    );
    const notices: string[] = [];
    const [chosen] = chooseChain(contents, {}, (text) => notices.push(text));
    assert.equal(chosen.name, newest.name);
    assert.match(notices.join(), /has format 2, .* use a newer one\. It is left out\./);
    assert.equal(chooseChain(contents, { toVersion: old.head.version })[0].name, old.name);
    assert.equal(findSnapshot(contents, old.name).name, old.name);
    assert.throws(() => findSnapshot(contents, newer), NEWER);
    assert.throws(() => findSnapshot(contents, `${middle.head.version}`), NEWER);
    const wish = { toVersion: middle.head.version };
    assert.throws(() => chooseChain(contents, wish), NEWER, "no older one is taken in its place");
  }));

test("who needs it as a base is told so", () =>
  written(async (archive, location) => {
    const base = await archive.full(stateOf(300, "base"));
    const delta = await archive.delta({ more: "keys" });
    await makeNewer(location, base.name);
    const contents = await archiveContents(archive.archive, job.signal);
    assert.throws(() => completeChain(contents, findSnapshot(contents, delta.name)), NEWER);
  }));

test("nothing is added or deleted beside it", () =>
  written(async (archive, location) => {
    const old = await archive.full(stateOf(20, "old"));
    await archive.full(stateOf(300, "base"));
    await archive.delta({ more: "keys" });
    await makeNewer(location, old.name);
    for (const dryRun of [true, false]) await assert.rejects(archive.archive.gc({ dryRun }), NEWER);
    await assert.rejects(compactSnapshot(location, {}, job), NEWER);
    await assert.rejects(archive.archive.snapshots({ onDamage: () => undefined }), NEWER);
  }));

test("all the rest is verified, and its packs are nobody's leftovers", () =>
  written(async (archive, location) => {
    await archive.full(stateOf(20, "old"));
    const middle = await archive.full(stateOf(300, "middle"));
    const rotten = await archive.full(stateOf(20, "rotten"));
    const newer = await makeNewer(location, middle.name);
    const whole = await verify(location);
    assert.deepEqual(
      whole.newer.map((each) => [each.file, each.error.code, each.error.metadata["format"]]),
      [[`snapshots/${newer}.jsonl`, NEWER.code, "2"]],
    );
    assert.deepEqual([whole.found, whole.leftovers, whole.snapshots], [[], [], 2]);
    assert.ok(whole.tilesProved > 1);
    await rm(join(location, "snapshots", `${rotten.name}.jsonl`));
    await writeFile(join(location, "snapshots", `${rotten.name}.jsonl`), "");
    const { found, newer: still } = await verify(location);
    assert.ok(found.some(({ snapshot }) => snapshot === rotten.name));
    assert.equal(still.length, 1);
  }));

test("a newer manifest that is damaged is damage", () =>
  written(async (archive, location) => {
    const { name } = await archive.full(stateOf(20, "old"));
    const file = join(location, "snapshots", `${await makeNewer(location, name)}.jsonl`);
    await writeFile(file, (await readFile(file, "utf8")).replace('"full"', '"FULL"'));
    const { found, newer } = await verify(location);
    assert.deepEqual([found.map(({ part }) => part), newer], [["manifest"], []]);
  }));

test("a delta whose base may be the newer one is no damage", () =>
  written(async (archive, location) => {
    const base = await archive.full(stateOf(300, "base"));
    await archive.delta({ more: "keys" });
    await makeNewer(location, base.name);
    const { found, newer, snapshots } = await verify(location);
    assert.deepEqual([found, newer.length, snapshots], [[], 1, 1]);
  }));

async function verify(location: string): Promise<VerifyReport & { readonly found: Finding[] }> {
  const found: Finding[] = [];
  const report = await verifyArchive(location, job, (finding) => found.push(finding));
  return { ...report, found };
}
