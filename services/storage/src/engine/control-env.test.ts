// Goal: what the control database wrote is there after a restart, and a publish is one step.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { HoldfastError } from "@holdfast/core";
import { temporaryDirectory } from "@holdfast/testing";
import { open } from "lmdb";
import type { LeaseRecord } from "../lease/lease.js";
import type { RestoreSession } from "../restore/restore-session.js";
import { decodeLease, decodeSession, encodeLease } from "./control-codec.js";
import { ControlEnv } from "./control-env.js";

const hash = (letter: string): Buffer => Buffer.alloc(32, letter);

const lease: LeaseRecord = {
  leaseId: "lease",
  token: 2n ** 60n,
  kind: "shared",
  state: "active",
  holderLabel: "Ärger \u{1f9ef}",
  purpose: "",
  requestId: "request",
  ttlMs: 5_000,
  pin: { fromVersion: 3n, toVersion: 2n ** 53n },
  historyId: Buffer.alloc(16, "a"),
  acquireTimeUs: 1_700_000_000_000_000n,
  endTimeUs: null,
};

const session: RestoreSession = {
  sessionId: "session",
  state: "building",
  generation: 7,
  ownerToken: lease.token,
  plan: {
    ledgerId: Buffer.alloc(16, "l"),
    histories: [
      { historyId: Buffer.alloc(16, "b"), forkVersion: 9n },
      { historyId: Buffer.alloc(16, "a"), forkVersion: null },
    ],
    info: {
      version: 12n,
      commitTimeUs: 5n,
      payloadHash: hash("p"),
      writeSetHash: hash("w"),
      eventRoot: hash("e"),
      stateRoot: hash("s"),
    },
    logSiblings: [hash("x"), hash("y")],
    tileCount: 3,
    items: 2n ** 52n,
    bytes: 2n ** 53n - 1n,
    digest: hash("d"),
  },
  live: { historyId: null, committed: null, stateRoot: hash("r") },
  begin: { requestId: "", adopted: true, tilesDone: 2 },
  beginTimeUs: 6n,
  newHistoryId: Buffer.alloc(16, "n"),
};

test("a lease written before leases named a history is read", () => {
  const { history_id: _, ...older } = JSON.parse(encodeLease(lease).toString());
  assert.deepEqual(decodeLease(Buffer.from(JSON.stringify(older))), { ...lease, historyId: null });
});

test("leases, sessions and the live generation survive a restart", async () => {
  await using folder = await temporaryDirectory();
  const first = ControlEnv.open(folder.path);
  assert.equal(first.live(), null);
  assert.deepEqual(first.leases.load(), { records: [], lastToken: 0n });
  await first.setLive(1);
  const gone = { ...lease, leaseId: "gone", pin: null, endTimeUs: 1n };
  await first.leases.write({ puts: [lease, gone], removals: [], lastToken: lease.token });
  await first.leases.write({ puts: [], removals: ["gone"], lastToken: lease.token });
  await first.restores.write({ puts: [session], removals: [] });
  await first.close();

  const second = ControlEnv.open(folder.path);
  assert.equal(second.live(), 1);
  assert.deepEqual(second.leases.load(), { records: [lease], lastToken: lease.token });
  assert.deepEqual(second.restores.load(), [session]);

  const released: LeaseRecord = { ...lease, state: "released", endTimeUs: 8n };
  const published: RestoreSession = { ...session, state: "published" };
  await second.restores.publish(published, released);
  await second.close();

  const third = ControlEnv.open(folder.path);
  assert.equal(third.live(), session.generation);
  assert.deepEqual(third.leases.load().records, [released]);
  assert.deepEqual(third.restores.load(), [published]);
  await third.restores.write({ puts: [], removals: [session.sessionId] });
  assert.deepEqual(third.restores.load(), []);
  await third.close();
});

test("a newer format and corrupt rows are refused", async () => {
  await using folder = await temporaryDirectory();
  const path = join(folder.path, "control");
  await ControlEnv.open(path).close();
  const root = open<Buffer, Buffer>({ path, encoding: "binary", keyEncoding: "binary" });
  const meta = root.openDB<Buffer, Buffer>({
    name: "meta",
    encoding: "binary",
    keyEncoding: "binary",
  });
  const format = Buffer.alloc(8);
  format.writeBigUInt64BE(2n);
  await meta.put(Buffer.from("format"), format);
  await root.close();
  assert.throws(
    () => ControlEnv.open(path),
    (error) => error instanceof HoldfastError && error.reason === "ENGINE_FAILED",
  );

  const corrupt = (error: unknown) =>
    error instanceof HoldfastError && error.reason === "ROW_CORRUPT";
  for (const text of ["", "{", "null", "{}", '{"lease_id":1}']) {
    assert.throws(() => decodeLease(Buffer.from(text)), corrupt, text);
    assert.throws(() => decodeSession(Buffer.from(text)), corrupt, text);
  }
});
