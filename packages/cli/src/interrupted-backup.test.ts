// Goal: a backup or import that is ended anywhere leaves things whole, and goes on when run again.
// Method: real processes; a proxy holds the job in its middle, a signal ends what the test is about.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { getPriority } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory, until } from "@holdfast/testing";
import { holdingProxy } from "./test-support/holding-proxy.js";
import { cli, fill, startCli, startPair } from "./test-support/services.js";

/** 75 MB: more than a pack. */
const ITEMS = 36_000;
const VALUE_BYTES = 2_000;
/** Behind the first pack of a backup. */
const BEHIND_A_PACK = 70_000_000;

test("a backup ended by Ctrl-C goes on at its version", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  await using proxy = await holdingProxy(pair.gateway, "down", BEHIND_A_PACK);
  await fill(pair.storage, 0, ITEMS, VALUE_BYTES);
  const to = ["--storage", pair.storage, "--gateway", pair.gateway];
  const path = join(folder.path, "archive");
  const archive = ["--archive", path];
  const before = await cli([...to, "status"]);

  const run = startCli(["--json", "--gateway", proxy.address, "backup", "state", ...archive]);
  await proxy.held;
  const pid = run.process.pid ?? assert.fail("it runs");
  const isLinux = process.platform === "linux";
  const behind = isLinux ? Math.min(getPriority() + 10, 19) : getPriority();
  assert.equal(getPriority(pid), behind, "it gives way to the services");
  const packs = (): Promise<string[]> =>
    readdir(join(path, "packs"), { recursive: true }).catch(() => []);
  await until(
    async () => (await packs()).some((file) => file.endsWith(".pack")),
    "a pack is closed",
  );
  run.process.kill("SIGINT");
  const ended = await run.result;
  assert.equal(ended.code, 130, ended.stdout + ended.stderr.slice(-2_000));
  assert.equal(ended.json.error.reason, "INTERRUPTED");
  const listed = await cli(["archive", "ls", ...archive]);
  assert.deepEqual(listed.snapshots, [], "nothing was published");
  const checked = await cli(["verify", ...archive]);
  assert.equal(checked.findings, 0);
  assert.ok(checked.leftovers.length > 0, "its work is kept");

  await fill(pair.storage, ITEMS, 10, VALUE_BYTES);
  const resumed = await cli([...to, "backup", "state", ...archive]);
  assert.equal(resumed.version, before.committed_version, "the version it was interrupted at");
  assert.equal(resumed.state_root, before.state_root);
  assert.equal(resumed.resumed, true);
  assert.ok((await packs()).length >= 2);
  const next = await cli([...to, "backup", "state", ...archive]);
  assert.deepEqual([next.kind, next.base.version], ["delta", before.committed_version]);
  const verified = await cli(["verify", ...archive]);
  assert.deepEqual([verified.findings, verified.leftovers], [0, []]);
});

test("an import goes on when storage is killed under it, and commits nothing twice", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  await using proxy = await holdingProxy(pair.storage, "up", 150_000);
  const input = Array.from({ length: 20_000 }, (_, index) =>
    JSON.stringify({ key: `key ${index % 500}`, value: `${index}` }),
  ).join("\n");
  const run = startCli(
    ["--json", "--storage", proxy.address, "import", "--block-size", "50", "-"],
    input,
  );
  await proxy.held;
  const committed = async (): Promise<number> =>
    (await cli(["--storage", pair.storage, "status"])).committed_version ?? -1;
  const before = await committed();
  assert.ok(before > 0 && before < 19_999, `${before} is in the middle`);
  await pair.restartStorage("SIGKILL");
  proxy.release();
  const result = await run.result;
  assert.equal(result.code, 0, result.stdout + result.stderr.slice(-2_000));
  assert.equal(await committed(), 19_999, "each line is one version");
});
