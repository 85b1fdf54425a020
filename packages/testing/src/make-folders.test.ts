// Goal: folders are made as Node's recursive mkdir makes them, and where none can be, it says so.
import assert from "node:assert/strict";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { makeFolders } from "@holdfast/core";
import { temporaryDirectory } from "./temporary-directory.js";

test("makes what is missing, and answers the topmost that it made", async () => {
  await using folder = await temporaryDirectory();
  const deep = join(folder.path, "a", "b", "c");
  assert.equal(await makeFolders(deep), join(folder.path, "a"));
  assert.ok((await stat(deep)).isDirectory());
  assert.equal(await makeFolders(deep), null);
  assert.equal(await makeFolders(join(deep, "d")), join(deep, "d"));
});

test("two at the same time make the same", async () => {
  await using folder = await temporaryDirectory();
  const deep = join(folder.path, "a", "b", "c");
  await Promise.all(Array.from({ length: 8 }, () => makeFolders(deep)));
  assert.ok((await stat(deep)).isDirectory());
});

test("through a link to a folder", async () => {
  await using folder = await temporaryDirectory();
  await mkdir(join(folder.path, "real"));
  await symlink(join(folder.path, "real"), join(folder.path, "link"));
  await makeFolders(join(folder.path, "link", "a"));
  assert.ok((await stat(join(folder.path, "real", "a"))).isDirectory());
});

test("where no folder can be, it is an error and no endless loop", async () => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, "file");
  await writeFile(file, "");
  await symlink(join(folder.path, "nowhere"), join(folder.path, "dangling"));
  const cases = [
    [file, "EEXIST"],
    [join(file, "a", "b"), "EEXIST"],
    [join(folder.path, "dangling", "a"), "EEXIST"],
    ["/proc/holdfast/a", "ENOENT"],
  ] as const;
  for (const [path, code] of cases) await assert.rejects(makeFolders(path), { code }, path);
});
