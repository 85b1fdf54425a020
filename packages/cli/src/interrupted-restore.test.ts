// Goal: a restore that is ended anywhere leaves the live store whole, and goes on when run again.
// Method: real processes; a proxy holds the job in its middle, a signal ends what the test is about.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { holdingProxy } from "./test-support/holding-proxy.js";
import { cli, fill, startCli, startPair } from "./test-support/services.js";

/** 31 MB: twice what is uploaded at the same time. */
const ITEMS = 15_000;
const VALUE_BYTES = 2_000;
/** Some uploads have ended, and not all have begun. */
const SOME_UPLOADS = 24_000_000;

test("a restore whose CLI is killed is adopted by the next run", async () => {
  await using folder = await temporaryDirectory();
  await using source = await startPair(join(folder.path, "source"));
  await using target = await startPair(join(folder.path, "target"));
  await using proxy = await holdingProxy(target.gateway, "up", SOME_UPLOADS);
  await fill(source.storage, 0, ITEMS, VALUE_BYTES);
  const archive = ["--archive", join(folder.path, "archive")];
  const backup = await cli(["--gateway", source.gateway, "backup", "state", ...archive]);
  const to = ["--storage", target.storage, "--gateway", target.gateway];
  const held = ["--json", "--progress", "json", "--gateway", proxy.address, "restore", ...archive];

  const killed = startCli(held);
  await proxy.held;
  await killed.saw(/"items":[1-9]/);
  killed.process.kill("SIGKILL");
  assert.equal((await killed.result).signal, "SIGKILL");
  const untouched = await cli([...to, "status"]);
  assert.equal(untouched.committed_version, null, "the live store is as it was");

  const restored = await cli([...to, "restore", ...archive]);
  assert.equal(restored.adopted, true);
  assert.ok(restored.tiles_uploaded > 0);
  assert.ok(restored.tiles_uploaded < restored.tiles, "what was durable was not sent again");
  assert.equal((await cli([...to, "status"])).state_root, backup.state_root);
});

test("a restore ended by Ctrl-C gives the store back at once", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  await using proxy = await holdingProxy(pair.gateway, "up", SOME_UPLOADS);
  await fill(pair.storage, 0, ITEMS, VALUE_BYTES);
  const to = ["--storage", pair.storage, "--gateway", pair.gateway];
  const archive = ["--archive", join(folder.path, "archive")];
  const backup = await cli([...to, "backup", "state", ...archive]);
  const restore = ["restore", "--replace", ...archive];
  const run = startCli(["--json", "--gateway", proxy.address, ...restore]);
  await proxy.held;
  run.process.kill("SIGINT");
  assert.equal((await run.result).code, 130);
  const line = JSON.stringify({ key: "key 0", value: "after" });
  const blocked = await cli([...to, "--retry-for", "5s", "import", "-"], { input: line });
  assert.equal(blocked.transactions_committed, 1, "commits go on: the lease was given back");
  const restored = await cli([...to, ...restore]);
  assert.equal(restored.adopted, true);
  assert.equal(restored.state_root, backup.state_root);
});

test("backup and restore go on when storage is killed under them", async () => {
  await using folder = await temporaryDirectory();
  await using source = await startPair(join(folder.path, "source"));
  await using target = await startPair(join(folder.path, "target"));
  await using down = await holdingProxy(source.gateway, "down", SOME_UPLOADS);
  await using up = await holdingProxy(target.gateway, "up", SOME_UPLOADS);
  await fill(source.storage, 0, ITEMS, VALUE_BYTES);
  const archive = ["--archive", join(folder.path, "archive")];

  const backingUp = startCli(["--json", "--gateway", down.address, "backup", "state", ...archive]);
  await down.held;
  await source.restartStorage("SIGKILL");
  down.release();
  const backup = await backingUp.result;
  assert.equal(backup.code, 0, backup.stdout + backup.stderr.slice(-3_000));

  const restoring = startCli(["--json", "--gateway", up.address, "restore", ...archive]);
  await up.held;
  await target.restartStorage("SIGKILL");
  up.release();
  const restored = await restoring.result;
  assert.equal(restored.code, 0, restored.stdout + restored.stderr.slice(-3_000));
  const status = await cli(["--storage", target.storage, "status"]);
  assert.equal(status.state_root, backup.json.state_root);
});

test("LEASE_HELD is tried again until the other job has ended", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  await using proxy = await holdingProxy(pair.gateway, "up", SOME_UPLOADS);
  await fill(pair.storage, 0, ITEMS, VALUE_BYTES);
  const to = ["--gateway", pair.gateway];
  const archive = ["--archive", join(folder.path, "archive")];
  const other = ["--archive", join(folder.path, "other")];
  await cli([...to, "backup", "state", ...archive]);
  const restore = ["restore", "--replace", ...archive];
  const restoring = startCli(["--json", "--gateway", proxy.address, ...restore]);
  await proxy.held;

  const impatient = await cli([...to, "--retry-for", "0s", "backup", "state", ...other], {
    code: 4,
  });
  assert.equal(impatient.error.reason, "LEASE_HELD");
  assert.equal(impatient.error.code, "ABORTED");
  assert.ok(impatient.error.retry_after_seconds > 0);

  const patient = startCli(["--json", ...to, "backup", "state", ...other]);
  await patient.saw(/Trying again/);
  proxy.release();
  assert.equal((await restoring.result).code, 0);
  const taken = await patient.result;
  assert.equal(taken.code, 0, taken.stdout + taken.stderr.slice(-2_000));
  assert.equal(taken.json.kind, "full");
});
