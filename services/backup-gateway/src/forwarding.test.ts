// Goal: the gateway adds nothing to what passes through it and takes nothing away; a stream that
// is not whole is never taken for one.
// Method: a scripted storage and generated clients on real loopback sockets.
import assert from "node:assert/strict";
import test from "node:test";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { backup, lease, restore } from "@holdfast/api";
import { callClientStreaming, callOptions, callUnary } from "@holdfast/rpc";
import { until } from "@holdfast/testing";
import { binaryMetadata, type FakeStream } from "./test-support/fake-storage.js";
import {
  fixture,
  hasReason,
  NEVER,
  partsOf,
  readSnapshot,
  SNAPSHOT_PATH,
} from "./test-support/fixture.js";
import { chunks, HEADER, REQUEST, TRAILER } from "./test-support/frames.js";

const call = { signal: NEVER, timeoutMs: 10_000 };
/** Field 15 with two bytes: what a later version may add. */
const UNKNOWN_FIELD = Buffer.from([0x7a, 2, 1, 2]);

const whole = async (stream: FakeStream): Promise<void> => {
  await stream.send(HEADER);
  await stream.send(chunks(100_000));
  await stream.send(TRAILER);
  stream.end();
};

test("every method reaches storage on its own path, its bytes as they are", async () => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  const answer = Buffer.concat([Buffer.from("an answer nobody decodes"), UNKNOWN_FIELD]);
  const requests: Buffer[] = [];
  storage.script.unary = (request) => {
    requests.push(request);
    return answer;
  };
  storage.script.upload = async (upload) => {
    for await (const part of upload.parts()) requests.push(part);
    upload.answer(answer);
  };
  const sent: Buffer[] = [];
  const paths: string[] = [];
  for (const service of [
    backup.BackupServiceService,
    restore.RestoreServiceService,
    lease.LeaseServiceService,
  ]) {
    for (const method of Object.values(service)) {
      if (method.responseStream) continue;
      const request = Buffer.from(`${method.path} \0\u00ff`);
      sent.push(request);
      paths.push(method.path);
      const got = method.requestStream
        ? await clients.raw.clientStreaming(method.path, [request], call)
        : await clients.raw.unary(method.path, request, call);
      assert.deepEqual(got, answer, method.path);
    }
  }
  assert.equal(paths.length, 16);
  assert.deepEqual(
    storage.calls.map(({ path }) => path),
    paths,
  );
  assert.deepEqual(requests, sent);
});

test("frames of every stream pass byte for byte", async () => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  const frames = [
    Buffer.concat([HEADER, UNKNOWN_FIELD]),
    chunks(1),
    chunks(131_072, 1),
    UNKNOWN_FIELD,
    chunks(3 * 2 ** 20 - 100, 2),
    TRAILER,
  ];
  storage.script.stream = async (stream) => {
    for (const frame of frames) await stream.send(frame);
    stream.end();
  };
  const { streamStateSnapshot, streamStateTiles, streamStateChanges } = backup.BackupServiceService;
  const leased = { leaseId: "lease-1" };
  const requests = [
    [streamStateSnapshot.path, backup.StreamStateSnapshotRequest.fromPartial(leased)],
    [streamStateTiles.path, backup.StreamStateTilesRequest.fromPartial(leased)],
    [streamStateChanges.path, backup.StreamStateChangesRequest.fromPartial(leased)],
  ] as const;
  const encoders = [
    backup.StreamStateSnapshotRequest,
    backup.StreamStateTilesRequest,
    backup.StreamStateChangesRequest,
  ] as const;
  for (const [index, [path, message]] of requests.entries()) {
    const encoder = encoders[index] as { encode(value: unknown): { finish(): Uint8Array } };
    const request = Buffer.concat([encoder.encode(message).finish(), UNKNOWN_FIELD]);
    const got: Buffer[] = [];
    for await (const frame of clients.frames.serverStreaming(path, request, call)) {
      got.push(frame.join());
    }
    assert.equal(got.length, frames.length);
    for (const [at, frame] of frames.entries()) assert.ok(frame.equals(got[at] ?? frame), path);
    const stream = storage.streams[index];
    assert.equal(stream?.path, path);
    assert.deepEqual(stream.request, request);
  }
});

test("storage gets the caller's time less 250 ms, and nothing else of its metadata", async () => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  storage.script.stream = whole;
  const metadata = new Metadata();
  metadata.set("holdfast-caller", "root");
  const request = backup.GetDbStateRequest.create({});
  const { backup: client } = clients;
  await callUnary(client.getDbState.bind(client), request, { ...call, metadata });
  const given = storage.calls[0];
  assert.ok(given && given.timeoutMs <= 9_750 && given.timeoutMs > 5_000, `${given?.timeoutMs}`);
  assert.deepEqual(given.metadata.get("holdfast-caller"), []);
  // Without a deadline: the contract's default.
  await new Promise((resolve, reject) => {
    client.getDbState(request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  const unary = storage.calls[1]?.timeoutMs ?? 0;
  assert.ok(unary <= 29_750 && unary > 20_000, `${unary}`);
  const end = client.streamStateSnapshot(REQUEST);
  for await (const _ of end);
  const stream = storage.streams[0]?.timeoutMs ?? 0;
  assert.ok(stream <= 3_599_750 && stream > 3_500_000, `${stream}`);
});

test("errors of storage arrive untouched: code, text and details", async (context) => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  const details = Buffer.from("details that only a later version can read \x00\x01");
  const error = {
    code: status.RESOURCE_EXHAUSTED,
    details: "Come back when it is über.",
    metadata: binaryMetadata("grpc-status-details-bin", details),
  };
  error.metadata.set("x-internal", "not for clients");
  const check = (got: unknown): void => {
    const { code, details: text, metadata } = got as ServiceError;
    assert.equal(code, error.code);
    assert.equal(text, error.details);
    assert.deepEqual(metadata.get("grpc-status-details-bin"), [details]);
    assert.deepEqual(metadata.get("x-internal"), []);
  };
  const { backup: client, restore: uploader } = clients;
  await context.test("of a unary call", async () => {
    storage.script.unary = () => Promise.reject(error);
    const got = await new Promise((resolve) => client.getDbState({}, resolve));
    check(got);
  });
  for (const frames of [[], [HEADER, chunks(1_000)], [HEADER, TRAILER]]) {
    await context.test(`of a stream after ${frames.length} frames`, async () => {
      storage.script.stream = async (stream) => {
        for (const frame of frames) await stream.send(frame);
        stream.fail(error);
      };
      let parts = 0;
      const read = async (): Promise<void> => {
        for await (const _ of client.streamStateSnapshot(REQUEST)) parts += 1;
      };
      await assert.rejects(read(), (got) => {
        check(got);
        return true;
      });
      // A trailer is not passed on before storage has said OK.
      assert.ok(parts <= (frames.at(-1) === TRAILER ? 1 : 2));
    });
  }
  await context.test("of an upload", async () => {
    storage.script.upload = (upload) => upload.fail(error);
    const got = await new Promise((resolve) => uploader.uploadStateTiles(resolve).end());
    check(got);
  });
});

test("a stream without a lease goes no further", async (context) => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  const { backup: client } = clients;
  const request = { ...REQUEST, leaseId: "" };
  const { error } = await readSnapshot(clients, NEVER, request);
  assert.ok(hasReason("LEASE_REQUIRED")(error));
  await context.test("nor does one that cannot be read", async () => {
    const garbage = clients.frames.serverStreaming(SNAPSHOT_PATH, Buffer.from([0x12, 200]), call);
    await assert.rejects(garbage.next(), hasReason("INVALID_REQUEST"));
  });
  await context.test("unary calls need none", async () => {
    await assert.rejects(
      callUnary(client.getDbState.bind(client), {}, { ...call, timeoutMs: 0 }),
      hasReason("DEADLINE_EXCEEDED"),
    );
    await callUnary(client.getDbState.bind(client), {}, call);
  });
  assert.equal(storage.streams.length, 0);
});

test("a stream that is not whole is an error", async (context) => {
  await using setup = await fixture();
  const { storage, clients, logger } = setup;
  const cases: Readonly<Record<string, { frames: readonly Buffer[]; reason: string }>> = {
    "no trailer": { frames: [HEADER, chunks(10)], reason: "STORAGE_UNAVAILABLE" },
    "nothing at all": { frames: [], reason: "STORAGE_UNAVAILABLE" },
    "no header": { frames: [chunks(10), TRAILER], reason: "INTERNAL" },
    "two headers": { frames: [HEADER, HEADER, TRAILER], reason: "INTERNAL" },
    "an empty frame first": { frames: [Buffer.alloc(0), TRAILER], reason: "INTERNAL" },
    "frames behind the trailer": { frames: [HEADER, TRAILER, chunks(1)], reason: "INTERNAL" },
    "two trailers": { frames: [HEADER, TRAILER, TRAILER], reason: "INTERNAL" },
  };
  for (const [name, { frames, reason }] of Object.entries(cases)) {
    await context.test(name, async () => {
      storage.script.stream = async (stream) => {
        for (const frame of frames) await stream.send(frame);
        stream.end();
      };
      const end = await readSnapshot(clients);
      assert.ok(hasReason(reason)(end.error), `${name}: ${end.error}`);
      assert.ok(!partsOf(end).includes("trailer"), "no trailer reached the client");
    });
  }
  // What only a faulty storage does is in the log, with its incident.
  assert.equal(logger.of("error").length, 5);
});

test("storage that dies in mid-stream, or is not there, is STORAGE_UNAVAILABLE", async () => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  storage.script.stream = async (stream) => {
    await stream.send(HEADER);
    for (let i = 0; i < 20; i += 1) await stream.send(chunks(100_000));
    storage.kill();
  };
  const end = await readSnapshot(clients);
  assert.ok(hasReason("STORAGE_UNAVAILABLE")(end.error), String(end.error));
  assert.ok(partsOf(end).length >= 1);
  const { backup: client, restore: uploader } = clients;
  await assert.rejects(
    callUnary(client.getDbState.bind(client), {}, call),
    hasReason("STORAGE_UNAVAILABLE"),
  );
  const again = await readSnapshot(clients);
  assert.ok(hasReason("STORAGE_UNAVAILABLE")(again.error), String(again.error));
  await assert.rejects(
    callClientStreaming(uploader.uploadStateTiles.bind(uploader), [], call),
    hasReason("STORAGE_UNAVAILABLE"),
  );
});

test("a client that leaves takes its call to storage with it", async (context) => {
  await using setup = await fixture();
  const { storage, clients } = setup;
  await context.test("in a stream", async () => {
    storage.script.stream = async (stream) => {
      await stream.send(HEADER);
      await stream.sendForever(chunks(131_000));
    };
    const reader = clients.backup.streamStateSnapshot(REQUEST, callOptions(60_000));
    reader.on("error", () => undefined);
    let got = 0;
    for await (const _ of reader) {
      got += 1;
      if (got === 5) break;
    }
    reader.cancel();
    await until(() => storage.streams[0]?.cancelledAtMs !== null, "the stream is cancelled");
  });
  await context.test("in a unary call", async () => {
    storage.script.unary = () => new Promise(() => undefined);
    const before = storage.calls.length;
    const answer = clients.backup.getDbState({}, () => undefined);
    await until(() => storage.calls.length > before, "the call arrived");
    answer.cancel();
    await until(() => storage.calls.at(-1)?.cancelledAtMs !== null, "the call is cancelled");
  });
});
