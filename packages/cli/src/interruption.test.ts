// Goal: a job that is ended anywhere leaves things whole, and goes on when it is run again.
// Method: signals to real processes at a moment that --progress json shows.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory, until } from "@holdfast/testing";
import { cli, fill, startCli, startPair } from "./test-support/services.js";

/** So large that a job is in the middle for a while: about 75 MiB in 36,000 items. */
const ITEMS = 36_000;
const VALUE_BYTES = 2_000;
/** A progress line with some items, and not all. */
const UNDER_WAY = /"items":[1-9]/;

test("a backup ended by Ctrl-C goes on at its version", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  await fill(pair.storage, 0, ITEMS, VALUE_BYTES);
  const to = ["--storage", pair.storage, "--gateway", pair.gateway];
  const archive = ["--archive", join(folder.path, "archive")];
  const before = await cli([...to, "status"]);

  const run = startCli(["--json", "--progress", "json", ...to, "backup", "state", ...archive]);
  await run.saw(/"items":[1-9]\d{4}/);
  run.process.kill("SIGINT");
  const ended = await run.result;
  assert.equal(ended.code, 130, ended.stdout + ended.stderr.slice(-2_000));
  assert.equal(ended.json.error.reason, "INTERRUPTED");
  const listed = await cli(["archive", "ls", ...archive]);
  assert.deepEqual(listed.snapshots, [], "nothing was published");
  const checked = await cli(["verify", ...archive]);
  assert.equal(checked.findings, 0);
  assert.equal(checked.leftovers[0]?.kind, "work");

  await fill(pair.storage, ITEMS, 10, VALUE_BYTES);
  const resumed = await cli([...to, "backup", "state", ...archive]);
  assert.equal(resumed.version, before.committed_version, "the version it was interrupted at");
  assert.equal(resumed.state_root, before.state_root);
  const next = await cli([...to, "backup", "state", ...archive]);
  assert.deepEqual([next.kind, next.base.version], ["delta", before.committed_version]);
  const verified = await cli(["verify", ...archive]);
  assert.deepEqual([verified.findings, verified.leftovers], [0, []]);
});

test("a restore whose CLI is killed is adopted by the next run", async () => {
  await using folder = await temporaryDirectory();
  await using source = await startPair(join(folder.path, "source"));
  await using target = await startPair(join(folder.path, "target"));
  await fill(source.storage, 0, ITEMS, VALUE_BYTES);
  await fill(target.storage, 0, 0, 0);
  const archive = ["--archive", join(folder.path, "archive")];
  const backup = await cli(["--gateway", source.gateway, "backup", "state", ...archive]);
  const to = ["--storage", target.storage, "--gateway", target.gateway];
  const arguments_ = ["--json", "--progress", "json", ...to, "restore", ...archive];

  const killed = startCli(arguments_);
  await killed.saw(UNDER_WAY);
  killed.process.kill("SIGKILL");
  assert.equal((await killed.result).signal, "SIGKILL");
  const untouched = await cli([...to, "status"]);
  assert.equal(untouched.committed_version, null, "the live store is as it was");

  const ended = startCli(arguments_);
  await ended.saw(UNDER_WAY);
  ended.process.kill("SIGINT");
  const { code, stdout, stderr } = await ended.result;
  if (code !== 0) assert.equal(code, 130, stdout + stderr.slice(-2_000));

  const restored = code === 0 ? JSON.parse(stdout) : await cli([...to, "restore", ...archive]);
  assert.equal(restored.adopted, true);
  assert.ok(restored.tiles_uploaded < restored.tiles, "what was durable was not sent again");
  assert.equal((await cli([...to, "status"])).state_root, backup.state_root);
});

test("a restore goes on when storage is killed under it", async () => {
  await using folder = await temporaryDirectory();
  await using source = await startPair(join(folder.path, "source"));
  await using target = await startPair(join(folder.path, "target"));
  await fill(source.storage, 0, ITEMS, VALUE_BYTES);
  const archive = ["--archive", join(folder.path, "archive")];
  const to = ["--storage", target.storage, "--gateway", target.gateway];
  const backingUp = startCli([
    ...["--json", "--progress", "json", "--gateway", source.gateway],
    ...["backup", "state", ...archive],
  ]);
  await backingUp.saw(UNDER_WAY);
  await source.restartStorage("SIGKILL");
  const backup = await backingUp.result;
  assert.equal(backup.code, 0, backup.stdout + backup.stderr.slice(-3_000));

  const run = startCli(["--json", "--progress", "json", ...to, "restore", ...archive]);
  await run.saw(UNDER_WAY);
  await target.restartStorage("SIGKILL");
  const result = await run.result;
  assert.equal(result.code, 0, result.stdout + result.stderr.slice(-3_000));
  assert.equal((await cli([...to, "status"])).state_root, backup.json.state_root);
});

test("an import goes on when storage is killed under it, and commits nothing twice", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  const input = Array.from({ length: 20_000 }, (_, index) =>
    JSON.stringify({ key: `key ${index % 500}`, value: `${index}` }),
  ).join("\n");
  const run = startCli(
    ["--json", "--storage", pair.storage, "import", "--block-size", "50", "-"],
    input,
  );
  const committed = async (): Promise<number> =>
    (await cli(["--storage", pair.storage, "status"])).committed_version ?? -1;
  await until(async () => (await committed()) > 1_000, "some blocks are committed");
  await pair.restartStorage("SIGKILL");
  const result = await run.result;
  assert.equal(result.code, 0, result.stdout + result.stderr.slice(-2_000));
  assert.equal(await committed(), 19_999, "each line is one version");
});

test("LEASE_HELD is tried again until the other job has ended", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  await fill(pair.storage, 0, ITEMS, VALUE_BYTES);
  const archive = ["--archive", join(folder.path, "archive")];
  const to = ["--gateway", pair.gateway];
  await cli([...to, "backup", "state", ...archive]);
  const restoring = startCli([
    ...["--json", "--progress", "json", ...to],
    ...["restore", "--replace", ...archive],
  ]);
  await restoring.saw(UNDER_WAY);
  const impatient = await cli(
    [
      ...to,
      "--retry-for",
      "0s",
      "backup",
      "state",
      "--full",
      "--archive",
      join(folder.path, "other"),
    ],
    { code: 4 },
  );
  assert.equal(impatient.error.reason, "LEASE_HELD");
  assert.equal(impatient.error.code, "ABORTED");
  assert.ok(impatient.error.retry_after_seconds > 0);
  const patient = await cli([...to, "backup", "state", "--archive", join(folder.path, "third")]);
  assert.equal(patient.kind, "full");
  assert.equal((await restoring.result).code, 0);
});
