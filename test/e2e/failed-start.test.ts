// Goal: a storage that cannot start says why in one sentence, exits 1, and leaves nothing behind.
// Method: the real launcher on taken addresses, and on folders that cannot be made.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { temporaryDirectory } from "@holdfast/testing";
import { ROOT } from "../support/repository.js";

const LAUNCHER = join(ROOT, "services/storage/bin/holdfast-storage.cjs");
const FREE = "127.0.0.1:0";

/** Starts storage, which has to fail; answers the last line it printed on stderr. */
function failedStart(flags: Readonly<Record<string, string>>): string {
  const args = Object.entries({ "--listen": FREE, "--admin-listen": FREE, ...flags }).flat();
  const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], {
    encoding: "utf8",
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  assert.equal(status, 1, stdout + stderr);
  return stderr.trimEnd().split("\n").at(-1) ?? "";
}

test("an address that is in use is named, and no data directory is made", async () => {
  await using folder = await temporaryDirectory();
  const dataDir = join(folder.path, "data");
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  for (const flag of ["--listen", "--admin-listen"]) {
    const why = failedStart({ "--data-dir": dataDir, [flag]: taken });
    assert.match(
      why,
      new RegExp(`could not start: Cannot listen on ${taken}: it is in use; .*\\.$`),
    );
    assert.equal(existsSync(dataDir), false, flag);
  }
  other.close();
});

test("a data directory that cannot be made is named at once", async () => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, "file");
  await writeFile(file, "");
  // The last is an empty folder below which nothing can be made.
  for (const dataDir of ["/proc/holdfast/data", file, join(file, "data"), "/proc/tty/ldisc"]) {
    const why = failedStart({ "--data-dir": dataDir });
    assert.ok(why.includes(`could not start: The data directory ${dataDir} cannot be made`), why);
  }
});
