// Goal: one flipped bit anywhere in an archive is found and named, and never restored: restore
// refuses damage in all that it reads, which is everything but the index at the end of a pack.
// Method: a seeded sample through the CLI (packages/archive does every bit of a tiny archive).
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { SeededRandom, temporaryDirectory } from "@holdfast/testing";
import { clientsOf, commit, type Write } from "../support/clients.js";
import { cli, cliJson, startGateway, startStorage } from "../support/processes.js";

const seed = Number(process.env["STORM_SEED"] ?? 5);
const FLIPS = process.env["HOLDFAST_STORM"] === undefined ? 16 : 400;

test(`${FLIPS} flipped bits through the CLI (seed ${seed})`, async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const clients = clientsOf(store.listen);
  const archive = join(folder.path, "archive");
  const to = ["--gateway", gateway.listen];
  const puts = (round: number, count: number): Write[] =>
    Array.from({ length: count }, (_, key) => [`key ${key}`, `${round} ${"v".repeat(300)}`]);
  await commit(clients, [puts(0, 600)]);
  await cliJson([...to, "backup", "state", "--archive", archive]);
  await commit(clients, [puts(1, 20)]);
  await cliJson([...to, "backup", "state", "--archive", archive]);
  await commit(clients, [puts(2, 5)]);
  clients.close();
  const before = await cliJson(["--storage", store.listen, "status"]);

  const random = new SeededRandom(seed);
  const damaged = join(folder.path, "damaged");
  const files = (await readdir(archive, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(archive.length + 1))
    .filter((path) => /^(archive\.json|packs\/.*\.pack|snapshots\/.*\.jsonl)$/.test(path))
    .sort();
  assert.equal(files.length, 5, `archive.json, two packs, two manifests: ${files}`);
  for (let flip = 0; flip < FLIPS; flip++) {
    const file: string = files[flip % files.length] ?? "";
    await rm(damaged, { recursive: true, force: true });
    await cp(archive, damaged, { recursive: true });
    const bytes = await readFile(join(damaged, file));
    const bit = random.int(bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await writeFile(join(damaged, file), bytes);
    const where: string = `${file}, bit ${bit}`;

    const verify = await cli(["--json", "verify", "--archive", damaged]);
    assert.equal(verify.code, 3, `${where}: ${verify.stdout}${verify.stderr}`);
    const name = file.split("/").at(-1) ?? "";
    assert.ok(verify.stdout.includes(name.replace(/\.(pack|jsonl)$/, "")), `${where} is not named`);

    if (file.endsWith(".pack") && bit >> 3 >= indexOffset(bytes)) continue;
    const restore = await cli(["--json", ...to, "restore", "--archive", damaged, "--replace"]);
    assert.notEqual(restore.code, 0, `${where}: restored damage: ${restore.stdout}`);
  }
  const after = await cliJson(["--storage", store.listen, "status"]);
  assert.deepEqual(after, before, "the live store is as it was");
});

/** Where the records of a pack end: the footer says it 44 bytes before the end, u64 big-endian. */
function indexOffset(pack: Buffer): number {
  const footer = pack.length - 44;
  return Math.min(footer, Number(pack.readBigUInt64BE(footer)));
}
