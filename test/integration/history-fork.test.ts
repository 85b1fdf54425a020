// Goal: after a restore to an older version and new commits, nothing of the old line is continued
// by mistake, and the next backup does the right thing by itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { credentials } from "@grpc/grpc-js";
import { backup, type storage } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { fromServiceError } from "@holdfast/rpc";
import { temporaryDirectory } from "@holdfast/testing";
import { acquire, clientsOf, commit, dbState, unary, type Write } from "../support/clients.js";
import { cliJson, startGateway, startStorage } from "../support/processes.js";

test("what began before a restore is refused with HISTORY_FORKED", async () => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const clients = clientsOf(store.listen);
  const to = ["--gateway", gateway.listen];
  const archive = ["--archive", join(folder.path, "archive")];
  const puts = (round: number): Write[] =>
    Array.from({ length: 800 }, (_, key) => [`key ${key}`, `${round} ${"v".repeat(400)}`]);

  await commit(clients, [puts(0)]);
  const first = await cliJson([...to, "backup", "state", ...archive]);
  await commit(clients, [puts(1).slice(0, 10)]);
  const second = await cliJson([...to, "backup", "state", ...archive]);
  assert.equal(second["kind"], "delta");
  const old = await dbState(clients);
  const tiles = await listTiles(clients, 3);
  const page = await unary<storage.ListStateRequest, storage.ListStateResponse>(
    clients.storage,
    clients.storage.listState,
    { version: undefined, pageSize: 5, pageToken: "" },
  );

  const back = ["--to-version", String(first["version"]), "--replace"];
  await cliJson([...to, "restore", ...archive, ...back]);
  await commit(clients, [puts(2).slice(20, 30)]);
  const now = await dbState(clients);
  assert.equal(now.committedVersion, old.committedVersion, "the same version, another history");
  assert.notDeepEqual(now.histories[0]?.historyId, old.histories[0]?.historyId);
  assert.deepEqual(now.histories[1]?.historyId, old.histories[0]?.historyId);
  assert.equal(now.histories[0]?.forkVersion, BigInt(Number(first["version"])));

  const { leaseId } = await acquire(clients);
  for (const address of [store.listen, gateway.listen]) {
    const client = new backup.BackupServiceClient(address, credentials.createInsecure());
    const resumed = client.streamStateSnapshot({
      version: old.committedVersion,
      leaseId,
      expectedHistoryId: Buffer.alloc(0),
      expectedRoot: old.stateRoot,
      resumeAfter: tiles.tiles[0]?.path ?? "",
      withProofs: false,
    });
    assert.equal(await reasonOf(resumed), "HISTORY_FORKED", "a resumed stream");
    const delta = client.streamStateChanges({
      fromVersion: old.committedVersion,
      fromRoot: old.stateRoot,
      version: undefined,
      leaseId,
      expectedHistoryId: Buffer.alloc(0),
      expectedRoot: Buffer.alloc(0),
      resumeAfter: "",
    });
    assert.equal(await reasonOf(delta), "HISTORY_FORKED", "a delta on the old base");
    client.close();
  }
  const forked = (error: unknown): boolean =>
    error instanceof HoldfastError && error.reason === "HISTORY_FORKED";
  await assert.rejects(
    unary<storage.ListStateRequest, storage.ListStateResponse>(
      clients.storage,
      clients.storage.listState,
      { version: undefined, pageSize: 5, pageToken: page.nextPageToken },
    ),
    forked,
    "an old page token of ListState",
  );
  await assert.rejects(listTiles(clients, 3, tiles.nextPageToken), forked, "and of ListStateTiles");

  const third = await cliJson([...to, "backup", "state", ...archive]);
  assert.equal(third["state_root"], now.stateRoot.toString("hex"));
  await cliJson(["verify", ...archive]);

  await using target = await startStorage(join(folder.path, "target"));
  await using targetGateway = await startGateway(target.listen);
  await cliJson(["--gateway", targetGateway.listen, "restore", ...archive]);
  const restored = await cliJson(["--storage", target.listen, "status"]);
  assert.equal(restored["state_root"], now.stateRoot.toString("hex"), "the history made last");
  assert.equal(restored["log_root"], now.logRoot.toString("hex"));
  clients.close();
});

function listTiles(
  clients: ReturnType<typeof clientsOf>,
  pageSize: number,
  pageToken = "",
): Promise<backup.ListStateTilesResponse> {
  return unary(clients.backup, clients.backup.listStateTiles, {
    version: undefined,
    pageSize,
    pageToken,
  });
}

/** Reason of the error a stream ends with. */
async function reasonOf(call: AsyncIterable<unknown>): Promise<string> {
  try {
    for await (const _frame of call);
  } catch (error) {
    return fromServiceError(error).reason;
  }
  return "none: it ended OK";
}
