// Goal: a delta is not published on a base whose manifest turns out to be damaged while tiles are
// streamed; one on an older base is taken instead, the damage is told, and what was taken restores.
// Method: a real pair, and a character changed in the newest manifest's tiles.
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { cli, startCli, startPair } from "./test-support/services.js";

test("damage in the tiles of the base", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  const to = ["--storage", pair.storage, "--gateway", pair.gateway];
  const archive = ["--archive", join(folder.path, "archive")];
  const put = (value: string) => {
    const lines = Array.from({ length: 300 }, (_, key) =>
      JSON.stringify({ key: `key ${key}`, value: value.repeat(100) }),
    );
    return cli([...to, "import", "-"], { input: lines.join("\n") });
  };
  await put("first");
  await cli([...to, "backup", "state", ...archive]);
  await put("second");
  assert.equal((await cli([...to, "backup", "state", ...archive, "--full"])).kind, "full");

  const snapshots = join(folder.path, "archive", "snapshots");
  const newest = join(snapshots, (await readdir(snapshots)).sort().at(-1) ?? "");
  const bytes = await readFile(newest);
  const place = bytes.lastIndexOf('"chunk":"') + '"chunk":"'.length;
  bytes[place] = bytes[place] === 0x30 ? 0x31 : 0x30;
  await writeFile(newest, bytes);

  await put("third");
  const { code, json, stderr } = await startCli(
    ["--json", ...to, "backup", "state", ...archive],
    "",
  ).result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /is damaged and left out: its bytes do not have the digest/);
  assert.deepEqual([json.kind, json.base.version], ["delta", 299]);
  const work = await readdir(join(folder.path, "archive", "work"));
  assert.deepEqual(work, [], "what was taken on the damaged one's word is gone");

  await using other = await startPair(join(folder.path, "other"));
  const there = ["--storage", other.storage, "--gateway", other.gateway];
  const restored = await cli([...there, "restore", ...archive]);
  assert.equal(restored.state_root, json.state_root);
});
