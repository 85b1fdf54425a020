// Goal: after a restore, an archive that the store's log cannot be shown to go on from is refused
// with a way out. Method: two archives of one store, which is restored from the newer one.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { cli, startPair } from "./test-support/services.js";

test("an archive that is behind the version restored", async () => {
  await using folder = await temporaryDirectory();
  await using pair = await startPair(join(folder.path, "data"));
  const to = ["--storage", pair.storage, "--gateway", pair.gateway];
  const [newer, older] = ["newer", "older"].map((name) => ["--archive", join(folder.path, name)]);
  assert.ok(newer !== undefined && older !== undefined);
  const put = (value: string) =>
    cli([...to, "import", "-"], { input: JSON.stringify({ key: "key", value }) });
  await put("first");
  await cli([...to, "backup", "state", ...older]);
  await put("second");
  await cli([...to, "backup", "state", ...newer]);
  await cli([...to, "restore", ...newer]);
  await put("third");
  for (const options of [[], ["--full"]]) {
    const { error } = await cli([...to, "backup", "state", ...older, ...options], { code: 1 });
    assert.equal(error.reason, "VERSION_PRUNED");
    assert.match(error.message, /snapshot, version 0: .* Use the archive it was restored from/);
  }
  assert.equal((await cli(["archive", "ls", ...older])).snapshots.length, 1, "nothing was written");
  assert.equal((await cli([...to, "backup", "state", ...newer])).kind, "delta");
});
