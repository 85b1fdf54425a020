// Goal: the main job through the CLI: import, backup, delta, verify, compact, restore into an empty
// pair and over a store. Method: real processes on free ports; what is printed is what is checked.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { cli, startCli, startPair } from "./test-support/services.js";

const ROOTS = ["committed_version", "state_root", "log_root", "items", "bytes"] as const;

test("import, backup, changes, delta, verify, compact, restore", async () => {
  await using folder = await temporaryDirectory();
  await using source = await startPair(join(folder.path, "source"));
  await using target = await startPair(join(folder.path, "target"));
  const archive = ["--archive", join(folder.path, "archive")];
  const toSource = ["--storage", source.storage, "--gateway", source.gateway];
  const toTarget = ["--storage", target.storage, "--gateway", target.gateway];
  const lines = (count: number, value: (index: number) => string | null): string =>
    Array.from({ length: count }, (_, index) =>
      JSON.stringify({ key: `key ${index}`, value: value(index) }),
    ).join("\n");

  const first = lines(5_000, (index) => `first ${index} ${"v".repeat(300)}`);
  const imported = await cli([...toSource, "import", "-"], { input: first });
  assert.equal(imported.transactions_committed, 5_000);
  assert.equal(imported.committed_version, 4_999);
  const again = await cli([...toSource, "import", "-"], { input: first });
  assert.equal(again.transactions_committed, 0);
  assert.deepEqual(again.already_there, [
    { first_line: 1, last_line: 5_000, first_version: 0, last_version: 4_999 },
  ]);
  assert.equal(again.state_root, imported.state_root);

  const full = await cli([...toSource, "backup", "state", ...archive]);
  assert.deepEqual([full.kind, full.version, full.proved], ["full", 4_999, true]);
  assert.equal(full.state_root, imported.state_root);
  const same = await cli([...toSource, "backup", "state", ...archive]);
  assert.equal(same.already_there, true);
  assert.equal(same.name, full.name);

  const changes = lines(100, (index) => (index % 4 === 0 ? null : `second ${index}`));
  await cli([...toSource, "import", "-"], { input: changes });
  const delta = await cli([...toSource, "backup", "state", ...archive]);
  assert.deepEqual([delta.kind, delta.version], ["delta", 5_099]);
  const after = await cli([...toSource, "status"]);
  assert.equal(delta.state_root, after.state_root);
  assert.equal(delta.items, after.items);

  const verified = await cli(["verify", ...archive]);
  assert.deepEqual([verified.snapshots, verified.findings, verified.leftovers], [2, 0, []]);

  const restored = await cli([...toTarget, "restore", ...archive]);
  assert.equal(restored.chain_length, 2);
  const status = await cli([...toTarget, "status"]);
  for (const root of ROOTS) assert.equal(status[root], after[root], root);

  const back = await cli([...toTarget, "restore", ...archive, "--to-version", "5000", "--replace"]);
  assert.equal(back.version, 4_999, "the newest snapshot at or below it");
  assert.equal((await cli([...toTarget, "status"])).state_root, full.state_root);

  const compacted = await cli(["archive", "compact", ...archive]);
  assert.deepEqual([compacted.kind, compacted.version], ["full", 5_099]);
  assert.equal((await cli(["archive", "compact", ...archive])).already_there, true);
  const plain = await cli([...toSource, "backup", "state", "--full", ...archive]);
  assert.equal(plain.already_there, true, "the synthetic one is as good as the store's");

  const own = ["--archive", join(folder.path, "own")];
  const direct = await cli([...toSource, "backup", "state", "--no-prove", ...own]);
  assert.equal(direct.proved, false);
  assert.deepEqual(
    await chunksOf(archive, compacted.name),
    await chunksOf(own, direct.name),
    "chunk for chunk the store's own",
  );
  await cli(["verify", ...own]);

  await cli([...toTarget, "restore", ...archive, "--replace"]);
  assert.equal((await cli([...toTarget, "status"])).state_root, after.state_root);
  const value = await cli([...toTarget, "get", "key 1", "--proof"]);
  assert.equal(Buffer.from(value.value, "hex").toString(), "second 1");
  assert.equal(value.state_root, after.state_root);
  const absent = await cli([...toTarget, "get", "key 0", "--proof"]);
  assert.deepEqual([absent.found, absent.value, absent.proved], [false, null, true]);

  const difference = await cli(["archive", "diff", full.name, delta.name, ...archive]);
  assert.deepEqual([difference.puts, difference.deletes], [75, 25]);
  const listed = await cli(["archive", "ls", ...archive]);
  assert.deepEqual(
    listed.snapshots.map((snapshot: { kind: string }) => snapshot.kind),
    ["full", "delta", "full"],
  );
  const collected = await cli(["archive", "gc", ...archive]);
  assert.equal(collected.collected_bytes, 0);
  assert.deepEqual(await readdir(join(folder.path, "archive", "work")).catch(() => []), []);
});

test("the lines of a diff bring one state to the other", async () => {
  await using folder = await temporaryDirectory();
  await using source = await startPair(join(folder.path, "source"));
  const to = ["--storage", source.storage, "--gateway", source.gateway];
  const archive = ["--archive", join(folder.path, "archive")];
  const put = async (input: string): Promise<string> => {
    await cli([...to, "import", "-"], { input });
    return (await cli([...to, "backup", "state", ...archive])).name;
  };
  const before = await put('{"key":"a","value":"1"}\n{"key":"b","value":"2"}');
  const after = await put('{"key":"a","value":null}\n{"key":"c","value":"3"}');
  const run = await startCli(["archive", "diff", before, after, ...archive, "--json"]).result;
  const lines = run.stdout.trimEnd().split("\n").slice(0, -1);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).sort((a, b) => a.key_hex.localeCompare(b.key_hex)),
    [
      { key_hex: "61", value_hex: null },
      { key_hex: "63", value_hex: "33" },
    ],
  );
  const people = await startCli(["archive", "diff", before, after, ...archive]).result;
  assert.deepEqual(people.stdout.trimEnd().split("\n").sort(), ['delete "a"', 'put "c" "3"']);
  assert.equal(people.code, 0);
});

/** Path, node and chunk of each tile of a snapshot. */
async function chunksOf(archive: readonly string[], name: string): Promise<unknown[]> {
  const { stdout } = await startCli(["archive", "show", name, "--tiles", ...archive, "--json"])
    .result;
  const tiles = stdout.trimEnd().split("\n").slice(0, -1);
  assert.ok(tiles.length > 10, stdout);
  return tiles.map((line) => {
    const { path, node, chunk, items, bytes } = JSON.parse(line);
    return { path, node, chunk, items, bytes };
  });
}
