// Goal: rows that have rotted on disk end a scan with ROW_CORRUPT, and never hold its thread.
// Method: a key with many versions, whose hash is changed in the file, in one row.
import { strict as assert } from "node:assert";
import { open as openFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { temporaryDirectory } from "@holdfast/testing";
import { openGenerationEnv } from "./generation-env.js";
import { RowScanner } from "./row-scan.js";
import { stateKey } from "./schema.js";

const VERSIONS = 300;
const KEY_HASH: Buffer = Buffer.alloc(32, 5);

test("a row whose key leads back is ROW_CORRUPT", async () => {
  await using directory = await temporaryDirectory();
  const env = openGenerationEnv(directory.path);
  const scanner = new RowScanner(env);
  try {
    await env.root.transaction(() => {
      for (let version = 0n; version < VERSIONS; version++) {
        void env.state[0]?.put(stateKey(KEY_HASH, version), Buffer.from(`item ${version}`));
      }
    });
    const range = { start: Buffer.alloc(32), end: null };
    const copied = scanner.copy(range, 5n, Buffer.alloc(1_000), 0);
    assert.equal(copied?.items, 1);

    const path = join(env.path, "data.mdb");
    const bytes = await readFile(path);
    const file = await openFile(path, "r+");
    // The row at which a scan gives up stepping over newer ones and seeks, by its key.
    const key = stateKey(KEY_HASH, 268n);
    for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1)) {
      await file.write(Buffer.from([4]), 0, 1, at);
    }
    await file.close();
    env.root.resetReadTxn();
    const fresh = new RowScanner(env);
    assert.throws(
      () => fresh.copy(range, 5n, Buffer.alloc(1_000), 0),
      (error) => error instanceof HoldfastError && error.reason === "ROW_CORRUPT",
    );
    fresh.close();
  } finally {
    scanner.close();
    await env.close();
  }
});
