// Goal: a client that is killed in mid-stream, and one that stops reading until its deadline, leave
// no scan and no read transaction behind. Method: real processes, storage's own metrics.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "node:test";
import { credentials } from "@grpc/grpc-js";
import { backup } from "@holdfast/api";
import { temporaryDirectory, until } from "@holdfast/testing";
import { acquire, type Clients, clientsOf, commit } from "../support/clients.js";
import { metric, type Service, startGateway, startStorage } from "../support/processes.js";

test("a reader that vanishes or stalls leaves nothing running", async (context) => {
  await using folder = await temporaryDirectory();
  await using store = await startStorage(join(folder.path, "data"));
  await using gateway = await startGateway(store.listen);
  const clients = clientsOf(store.listen);
  await fill(clients);
  const { leaseId } = await acquire(clients);

  for (const [name, address] of [
    ["storage", store.listen],
    ["gateway", gateway.listen],
  ] as const) {
    await context.test(`killed in mid-stream of ${name}`, async () => {
      const reader = spawn(
        process.execPath,
        [new URL("../support/stream-reader.js", import.meta.url).pathname, address, leaseId],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      await once(reader.stdout, "data");
      reader.kill("SIGKILL");
      await idle(store);
    });

    await context.test(`stops reading ${name} until its deadline`, async () => {
      const client = new backup.BackupServiceClient(address, credentials.createInsecure());
      const call = client.streamStateSnapshot(request(leaseId), {
        deadline: Date.now() + 1_500,
      });
      call.on("error", () => undefined);
      await once(call, "data");
      call.pause();
      await idle(store);
      call.cancel();
      client.close();
    });
  }

  const reader = clientsOf(gateway.listen);
  const call = reader.backup.streamStateSnapshot(request(leaseId));
  let last: backup.StreamStateSnapshotResponse | undefined;
  for await (const frame of call) last = frame as backup.StreamStateSnapshotResponse;
  assert.equal(last?.part?.$case, "trailer", "a well-behaved reader is served afterwards");
  reader.close();
  clients.close();
});

function request(leaseId: string): backup.StreamStateSnapshotRequest {
  return {
    version: undefined,
    leaseId,
    expectedHistoryId: Buffer.alloc(0),
    expectedRoot: Buffer.alloc(0),
    resumeAfter: "",
    withProofs: false,
  };
}

/** More state than all buffers between storage and a stalled reader hold. */
async function fill(clients: Clients): Promise<void> {
  for (let block = 0; block < 20; block++) {
    await commit(clients, [
      Array.from({ length: 1_000 }, (_, key) => [`${block} ${key}`, "v".repeat(2_000)] as const),
    ]);
  }
}

async function idle(store: Service): Promise<void> {
  const names = ["holdfast_storage_scans_running", "holdfast_storage_read_transactions"];
  await until(
    async () => {
      const values = await Promise.all(names.map((name) => metric(store.admin, name)));
      return values.every((value) => value === 0);
    },
    `${names.join(" and ")} are 0`,
  );
}
