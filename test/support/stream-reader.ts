// A client that streams a snapshot slowly, to be killed: stream-reader.js ADDRESS LEASE_ID
import { setTimeout as delay } from "node:timers/promises";
import { credentials } from "@grpc/grpc-js";
import { backup } from "@holdfast/api";

const [, , address = "", leaseId = ""] = process.argv;
const client = new backup.BackupServiceClient(address, credentials.createInsecure());
const call = client.streamStateSnapshot({
  version: undefined,
  leaseId,
  expectedHistoryId: Buffer.alloc(0),
  expectedRoot: Buffer.alloc(0),
  resumeAfter: "",
  withProofs: false,
});
for await (const _frame of call) {
  process.stdout.write(".");
  await delay(100);
}
