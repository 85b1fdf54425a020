// Goal: a restore beside a commit loop loses no acknowledged block and takes none in between.
// Method: one loop commits counted blocks all the time; a restore with --replace runs; what was
// acknowledged when is compared with the live state that begin named and with the restored store.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { lease, storage } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { temporaryDirectory, until } from "@holdfast/testing";
import { acquire, type Clients, clientsOf, commit, dbState, unary } from "../support/clients.js";
import { cli, cliJson, startGateway, startStorage } from "../support/processes.js";

interface Acknowledged {
  readonly index: number;
  readonly version: bigint;
  readonly historyId: string;
}

test("no block is acknowledged between grant and release of a restore", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const clients = clientsOf(store.listen);
  const archive = join(folder.path, "archive");
  const to = ["--gateway", gateway.listen];
  const base = Array.from({ length: 5_000 }, (_, key) => [`key ${key}`, "x".repeat(500)] as const);
  for (let from = 0; from < base.length; from += 1_000) {
    await commit(clients, [base.slice(from, from + 1_000)]);
  }
  const backup = await cliJson([...to, "backup", "state", "--archive", archive]);

  const stop = new AbortController();
  const acknowledged: Acknowledged[] = [];
  let refused = 0;
  const loop = (async () => {
    for (let index = 0; !stop.signal.aborted; index++) {
      try {
        const answer = await commit(clients, [[[`loop ${index}`, String(index)]]]);
        const historyId = answer.historyId.toString("hex");
        acknowledged.push({ index, version: answer.committedVersion, historyId });
      } catch (error) {
        assert.ok(error instanceof HoldfastError);
        assert.equal(error.reason, "RESTORE_IN_PROGRESS");
        refused++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  })();
  await until(() => acknowledged.length > 20, "the loop commits");
  const oldHistory = acknowledged[0]?.historyId ?? "";

  const refusal = await cli(["--json", ...to, "restore", "--archive", archive]);
  assert.equal(refusal.code, 1, refusal.stdout + refusal.stderr);
  const error = refusal.json["error"] as { reason: string };
  assert.equal(error.reason, "LIVE_STATE_WOULD_BE_LOST");

  await cliJson([...to, "restore", "--archive", archive, "--replace"]);
  await until(
    () => acknowledged.some((block) => block.historyId !== oldHistory),
    "the loop commits to the restored store",
  );
  stop.abort();
  await loop;

  const restoredVersion = BigInt(Number(backup["version"]));
  const after = acknowledged.filter((block) => block.historyId !== oldHistory);
  const before = acknowledged.filter((block) => block.historyId === oldHistory);
  assert.ok(refused > 0, "no commit met the restore");
  assert.equal(after[0]?.version, restoredVersion + 1n, "the first block after publish");
  // Acknowledged before the grant: contiguous up to the live version that begin named.
  before.forEach((block, index) => {
    assert.equal(block.version, restoredVersion + 1n + BigInt(index));
  });
  for (const block of after) {
    assert.equal(await readKey(clients, `loop ${block.index}`), String(block.index));
  }
  const state = await dbState(clients);
  assert.equal(state.committedVersion, after.at(-1)?.version);
  clients.close();
});

test("under an exclusive lease commits are refused at once and go on after its release", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  const clients = clientsOf(store.listen);
  await commit(clients, [[["key", "before"]]]);
  const exclusive = await acquire(clients, lease.LeaseKind.EXCLUSIVE);
  await assert.rejects(commit(clients, [[["key", "meanwhile"]]]), (error: HoldfastError) => {
    assert.equal(error.reason, "RESTORE_IN_PROGRESS");
    assert.ok((error.retryAfterMs ?? 0) > 0);
    return true;
  });
  assert.equal(await readKey(clients, "key"), "before", "unary reads go on");
  await unary(clients.lease, clients.lease.releaseLease, { leaseId: exclusive.leaseId });
  await commit(clients, [[["key", "after"]]]);
  assert.equal(await readKey(clients, "key"), "after");
  clients.close();
});

async function readKey(clients: Clients, key: string): Promise<string | undefined> {
  const answer = await unary<storage.GetStateRequest, storage.GetStateResponse>(
    clients.storage,
    clients.storage.getState,
    {
      key: Buffer.from(key),
      version: undefined,
      withProof: false,
      proofFormat: storage.ProofFormat.UNSPECIFIED,
    },
  );
  return answer.value?.toString();
}
