// Goal: an upload flows no faster than storage takes it and the client gives it, and an early
// answer of storage ends it. Method: a scripted storage, real sockets.
import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate } from "node:timers/promises";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { HoldfastError, limits } from "@holdfast/core";
import { callOptions, toServiceError } from "@holdfast/rpc";
import { ManualClock, SeededRandom, until } from "@holdfast/testing";
import { clientsOf, fixture, hasReason, NEVER } from "./test-support/fixture.js";

const PATH = "/holdfast.backup.v1.RestoreService/UploadStateTiles";
const call = { signal: NEVER, timeoutMs: 60_000 };
const ANSWER = Buffer.from("answer");

test("parts arrive in order, byte for byte", async (context) => {
  const seed = SeededRandom.seedFromEnvironment();
  context.diagnostic(`SEED=${seed}`);
  const random = new SeededRandom(seed);
  await using setup = await fixture();
  const got: Buffer[] = [];
  setup.storage.script.upload = async (upload) => {
    for await (const part of upload.parts()) got.push(part);
    upload.answer(ANSWER);
  };
  const parts = Array.from({ length: 60 }, () => random.bytes(random.int(131_072) + 1));
  assert.deepEqual(await setup.clients.raw.clientStreaming(PATH, parts, call), ANSWER);
  assert.equal(got.length, parts.length);
  for (const [index, part] of parts.entries()) assert.ok(part.equals(got[index] ?? ANSWER));
});

test("a storage that takes nothing holds the client back", async (context) => {
  await using setup = await fixture();
  let takeAll: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    takeAll = resolve;
  });
  let received = 0;
  setup.storage.script.upload = async (upload) => {
    await gate;
    for await (const part of upload.parts()) received += part.length;
    upload.answer(ANSWER);
  };
  const part = Buffer.alloc(60_000, 1);
  const total = 400;
  let given = 0;
  async function* parts(): AsyncGenerator<Buffer> {
    for (; given < total; given += 1) yield part;
  }
  const answer = setup.clients.raw.clientStreaming(PATH, parts(), call);
  await until(() => setup.storage.uploads.length === 1, "the upload arrived");
  let seen = -1;
  let quiet = 0;
  await until(() => {
    quiet = seen === given ? quiet + 1 : 0;
    seen = given;
    return quiet > 20;
  }, "the client is held back");
  context.diagnostic(`parts of 60 kB on the way: ${given}`);
  // Two windows and what streams hold.
  const most = (2 * limits.UPLOAD_WINDOW_BYTES) / part.length + 16;
  assert.ok(given < most, `${given} parts were taken for a storage that takes nothing`);
  takeAll();
  assert.deepEqual(await answer, ANSWER);
  assert.equal(received, total * part.length);
});

test("an early error of storage reaches a client that is still sending", async (context) => {
  await using setup = await fixture();
  const error = toServiceError(new HoldfastError("FENCED", "Another holder took over."));
  const part = Buffer.alloc(60_000, 1);
  for (const after of [0, 3]) {
    await context.test(`after ${after} parts`, async () => {
      setup.storage.script.upload = async (upload) => {
        let seen = 0;
        if (after > 0) for await (const _ of upload.parts()) if (++seen === after) break;
        upload.fail(error);
      };
      async function* endless(): AsyncGenerator<Buffer> {
        for (;;) {
          await setImmediate();
          yield part;
        }
      }
      await assert.rejects(
        setup.clients.raw.clientStreaming(PATH, endless(), call),
        hasReason("FENCED"),
      );
    });
    await context.test(`after ${after} parts, the client blocked in writing`, async () => {
      const upload = setup.clients.restore.uploadStateTiles(
        new Metadata(),
        callOptions(60_000),
        (got) => end(got),
      );
      let end: (error: unknown) => void = () => undefined;
      const ended = new Promise((resolve) => {
        end = resolve;
      });
      upload.on("error", () => undefined);
      const data = { path: "a", data: part, last: false };
      for (let i = 0; i < 50; i += 1) {
        upload.write({ part: { $case: "tilePart", value: data } });
      }
      assert.equal(((await ended) as ServiceError).code, error.code);
    });
  }
});

test("an upload whose client leaves is cancelled at storage", async (context) => {
  await using setup = await fixture();
  let complete = 0;
  setup.storage.script.upload = async (upload) => {
    for await (const _ of upload.parts());
    // As @holdfast/rpc does: Node ends a cancelled upload before it resets it.
    await setImmediate();
    if (upload.cancelledAtMs === null) complete += 1;
  };
  const rounds = 20;
  for (let i = 0; i < rounds; i += 1) {
    using clients = clientsOf(setup.gateway.listen);
    const upload = clients.restore.uploadStateTiles(() => undefined);
    upload.on("error", () => undefined);
    const data = { path: "a", data: Buffer.alloc(1_000), last: false };
    await new Promise((resolve) => {
      upload.write({ part: { $case: "tilePart", value: data } }, resolve);
    });
    await until(() => setup.storage.uploads.length === i + 1, "the upload arrived");
    upload.cancel();
    await until(() => setup.storage.uploads[i]?.cancelledAtMs !== null, "it is cancelled");
  }
  context.diagnostic(`of ${rounds} cancelled uploads ${complete} looked complete to storage`);
});

test("a message above 128 KiB is refused, and the gateway goes on", async () => {
  await using setup = await fixture();
  setup.storage.script.upload = async (upload) => {
    for await (const _ of upload.parts());
    upload.answer(ANSWER);
  };
  const large = Buffer.alloc(128 * 1024 + 1);
  const { raw } = setup.clients;
  await assert.rejects(raw.clientStreaming(PATH, [large], call), hasReason("MESSAGE_TOO_LARGE"));
  await assert.rejects(
    raw.unary("/holdfast.backup.v1.BackupService/GetDbState", large, call),
    hasReason("MESSAGE_TOO_LARGE"),
  );
  assert.deepEqual(
    await raw.clientStreaming(PATH, [large.subarray(1), large.subarray(1)], call),
    ANSWER,
  );
});

test("a client that owes a part for 30 s is cut", async () => {
  const clock = new ManualClock();
  await using setup = await fixture({ clock });
  setup.storage.script.upload = async (upload) => {
    for await (const _ of upload.parts());
  };
  const got = new Promise((resolve) => {
    setup.clients.restore.uploadStateTiles(new Metadata(), callOptions(3_000_000), resolve);
  });
  await until(() => setup.storage.uploads.length === 1, "the upload arrived");
  await clock.advanceAsync(31_000);
  assert.equal(((await got) as ServiceError).code, status.DEADLINE_EXCEEDED);
  await until(() => setup.storage.uploads[0]?.cancelledAtMs !== null, "storage's upload ended");
});
