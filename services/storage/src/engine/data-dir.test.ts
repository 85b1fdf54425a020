// Goal: one process owns a data directory, and a death frees it; a newer format is refused; what a
// crash left behind goes.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { fsckChild } from "../fsck-main.js";
import { DataDir } from "./data-dir.js";
import { META, u64 } from "./schema.js";

const LOCK_MODULE: string = new URL("data-dir-lock.js", import.meta.url).href;

test("is locked while open, and can be opened again after", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  await assert.rejects(DataDir.open(folder.path), { reason: "ENGINE_FAILED", message: /lock/ });
  await first.close();
  const second = await DataDir.open(folder.path);
  await second.close();
});

test("the lock of a process that is killed is free", async () => {
  await using folder = await temporaryDirectory();
  await mkdir(join(folder.path, "generations"));
  const lock = join(folder.path, "LOCK");
  const script = `
    const { lockDataDir } = await import(${JSON.stringify(LOCK_MODULE)});
    lockDataDir(${JSON.stringify(lock)});
    process.stdout.write("locked");
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await assert.rejects(DataDir.open(folder.path), { message: /Another process holds the lock/ });
  child.kill("SIGKILL");
  await once(child, "exit");
  const dataDir = await DataDir.open(folder.path);
  await dataDir.close();
});

test("a newer format is refused", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  const { env } = await first.openLive();
  env.meta.putSync(META.format, Buffer.from([0, 0, 0, 2]));
  await env.close();
  await first.close();
  const second = await DataDir.open(folder.path);
  await assert.rejects(second.openLive(), { reason: "ENGINE_FAILED", message: /format 2/ });
  await second.close();
});

test("what a published restore left of its building goes when it is opened", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  const { env } = await first.openLive();
  const kept = [...env.meta.getRange({})];
  env.root.transactionSync(() => {
    env.meta.putSync(META.owner, u64(7n));
    env.meta.putSync(META.restorePlan, Buffer.from("a plan"));
    for (const path of ["a", "b"]) env.restoreTiles.putSync(Buffer.from(path), Buffer.from("row"));
  });
  await env.close();
  await first.close();
  const second = await DataDir.open(folder.path);
  const opened = await second.openLive();
  assert.deepEqual([...opened.env.meta.getRange({})], kept);
  assert.equal(opened.env.restoreTiles.getKeysCount({}), 0);
  await opened.env.close();
  await second.close();
});

test("generations that nobody needs are removed when the live one is open", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  const { number, env } = await first.openLive();
  assert.equal(number, 1);
  await env.close();
  for (const left of [2, 7]) await (await first.openGeneration(left)).close();
  assert.deepEqual(await first.generations(), [1, 2, 7]);
  await first.close();
  await mkdir(join(folder.path, "generations", "not-mine"));
  const second = await DataDir.open(folder.path);
  const live = await second.openLive();
  assert.deepEqual(await second.generations(), [1, 2, 7], "nothing goes before live is open");
  await second.removeLeftovers();
  assert.deepEqual(await second.generations(), [1]);
  await live.env.close();
  assert.ok((await readdir(join(folder.path, "generations"))).includes("not-mine"));
  assert.equal(second.control.live(), 1);
  await second.close();
});

test("a folder of other files is refused and left as it is", async () => {
  await using folder = await temporaryDirectory();
  await writeFile(join(folder.path, "passwd"), "not ours");
  await assert.rejects(DataDir.open(folder.path), {
    reason: "ENGINE_FAILED",
    message: /holds other files and no store/,
  });
  assert.deepEqual(await readdir(folder.path), ["passwd"]);
  await assert.rejects(DataDir.open(join(folder.path, "passwd")), { reason: "ENGINE_FAILED" });
});

test("a data file whose head is damaged is not served, nor an empty one in its place", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  const { env } = await first.openLive();
  await env.close();
  await first.close();
  const damages: readonly (readonly [string, (file: string) => Promise<void>])[] = [
    ["the size of pages in its second page", (file) => overwrite(file, 4_096 + 48, 4)],
    ["its second page", (file) => overwrite(file, 4_096)],
    ["the size of pages in its first page", (file) => overwrite(file, 48, 4)],
    ["its first page", (file) => overwrite(file, 0)],
    ["all of it", (file) => truncate(file)],
  ];
  for (const [what, damage] of damages) {
    await damage(join(folder.path, "generations", "1", "data.mdb"));
    const dataDir = await DataDir.open(folder.path);
    await assert.rejects(dataDir.openLive(), { reason: "ROW_CORRUPT", message: /damaged/ }, what);
    await dataDir.close();
  }
  await overwrite(join(folder.path, "control", "data.mdb"), 0);
  await assert.rejects(DataDir.open(folder.path), { reason: "ROW_CORRUPT" });
});

test("a control database that was emptied does not make a store a new one", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  await (await first.openLive()).env.close();
  await (await first.openGeneration(2)).close();
  await first.control.setLive(2);
  await first.close();
  await truncate(join(folder.path, "control", "data.mdb"));
  const second = await DataDir.open(folder.path);
  await assert.rejects(second.openLive(), { reason: "ROW_CORRUPT", message: /names none/ });
  assert.deepEqual(await second.generations(), [1, 2]);
  await second.close();
  const lines: string[] = [];
  assert.equal(await fsckChild(folder.path, (line) => lines.push(line)), 3);
  assert.match(lines.join(), /names none of the generations 1,2/);
});

test("fsck says that the control database of a store was emptied, and that a new store is empty", async () => {
  await using folder = await temporaryDirectory();
  const first = await DataDir.open(folder.path);
  const { env } = await first.openLive();
  await first.close();
  const lines: string[] = [];
  const check = (): Promise<number> => {
    lines.length = 0;
    return fsckChild(folder.path, (line) => lines.push(line));
  };
  await truncate(join(folder.path, "control", "data.mdb"));
  assert.equal(await check(), 0, "there was no block yet");
  env.meta.putSync(META.committed, u64(0n));
  await env.close();
  await truncate(join(folder.path, "control", "data.mdb"));
  assert.equal(await check(), 3);
  assert.match(lines.join("\n"), /control: it names no live generation; 1 was checked/);
});

/** Writes zeros over the bytes from `position` on: over a page, when not told otherwise. */
async function overwrite(path: string, position: number, bytes = 4_096): Promise<void> {
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(bytes), 0, bytes, position);
  await file.close();
}
