// Goal: a stream that breaks off in any way is taken up behind its last tile, and what is wrong in
// it is found. Method: a gateway of fake handlers that plays one mishap after the other.
import assert from "node:assert/strict";
import test from "node:test";
import { backup } from "@holdfast/api";
import { HoldfastError, systemClock } from "@holdfast/core";
import { type StreamTile, sha256 } from "@holdfast/merkle";
import { type FrameStream, serverStreaming } from "@holdfast/rpc";
import { FoldPool } from "./fold-pool.js";
import { Patience } from "./patience.js";
import { type CheckedTile, type StreamTarget, streamFull } from "./proved-tiles.js";
import type { StreamDependencies } from "./stream-reader.js";
import { connect, type FakeGateway, fakeGateway } from "./test-support/fake-gateway.js";
import { chunkOf, tilesOf } from "./test-support/small-state.js";

type Frame = backup.StreamStateSnapshotResponse;
type Frames = FrameStream<Frame>;
type Serve = (
  request: backup.StreamStateSnapshotRequest,
  frames: Frames,
  signal: AbortSignal,
) => Promise<void>;

const tiles = tilesOf(2_000, 2_000);
const target: StreamTarget = {
  ledgerId: Buffer.alloc(16, 1),
  historyId: Buffer.alloc(16, 2),
  version: 7n,
  stateRoot: Buffer.alloc(32, 3),
  leaseId: "lease",
  resumeAfter: "",
};

const header: Frame = {
  part: {
    $case: "header",
    value: {
      ledgerId: target.ledgerId,
      historyId: target.historyId,
      version: target.version,
      stateRoot: target.stateRoot,
      rootProof: undefined,
      itemsToCome: 0n,
      bytesToCome: 0n,
      deadlineTime: undefined,
      codec: backup.Codec.NONE,
      fromVersion: undefined,
      fromRoot: Buffer.alloc(0),
    },
  },
};

function framed(tile: StreamTile): Frame {
  const chunk = chunkOf(tile, (body) => backup.StateChunk.decode(body));
  return { part: { $case: "chunks", value: { chunks: [chunk] } } };
}

function trailer(sent: readonly StreamTile[]): Frame {
  const sum = (of: (tile: StreamTile) => number): bigint =>
    BigInt(sent.reduce((total, tile) => total + of(tile), 0));
  return {
    part: {
      $case: "trailer",
      value: {
        tiles: BigInt(sent.length),
        items: sum((tile) => tile.items),
        bytes: sum((tile) => tile.body.length),
        sha256: sha256(Buffer.concat(sent.map(({ body }) => sha256(body)))),
      },
    },
  };
}

/** Serves all tiles behind the resume point. */
const whole: Serve = async ({ resumeAfter }, frames) => {
  const sent = tiles.filter(({ path }) => path > resumeAfter);
  await frames.send(header);
  for (const tile of sent) await frames.send(framed(tile));
  await frames.finish(trailer(sent));
};

/** Serves `count` tiles behind the resume point, then `end`. */
function some(count: number, end: (frames: Frames, signal: AbortSignal) => Promise<void>): Serve {
  return async ({ resumeAfter }, frames, signal) => {
    await frames.send(header);
    const sent = tiles.filter(({ path }) => path > resumeAfter).slice(0, count);
    for (const tile of sent) await frames.send(framed(tile));
    await end(frames, signal);
  };
}

const heartbeat: Frame = {
  part: { $case: "heartbeat", value: { reason: backup.HeartbeatReason.UNSPECIFIED } },
};

const silence = (_: Frames, signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** A gateway that serves each call by the next of these; the last one serves all others. */
function playing(
  plays: readonly Serve[],
  requests: backup.StreamStateSnapshotRequest[],
  timeoutMs?: number,
): Promise<FakeGateway> {
  let call = 0;
  const handler = serverStreaming<backup.StreamStateSnapshotRequest, Frame>(
    async (request, { signal }, frames) => {
      requests.push(request);
      const serve = plays[Math.min(call++, plays.length - 1)] ?? whole;
      await serve(request, frames, signal);
    },
  );
  return fakeGateway({ streamStateSnapshot: handler }, timeoutMs);
}

function dependencies(gateway: FakeGateway, retryForMs = 20_000): StreamDependencies {
  const signal = new AbortController().signal;
  const patience = new Patience({ clock: systemClock, retryForMs, signal, random: () => 0 });
  return { gateways: gateway.gateways, clock: systemClock, patience, signal };
}

async function read(
  gateway: FakeGateway,
  pool: FoldPool | null,
  from = target,
  retryForMs?: number,
): Promise<CheckedTile[]> {
  const found: CheckedTile[] = [];
  for await (const some of streamFull(from, pool, dependencies(gateway, retryForMs))) {
    found.push(...some);
  }
  return found;
}

function check(found: readonly CheckedTile[], expected: readonly StreamTile[] = tiles): void {
  assert.deepEqual(
    found.map(({ tile }) => tile.path),
    expected.map(({ path }) => path),
  );
  for (const [index, { tile, body }] of found.entries()) {
    assert.ok(tile.kind === "full" && body !== null);
    assert.ok(tile.chunk.equals(sha256(body)), `tile ${tile.path}`);
    assert.equal(tile.bytes, expected[index]?.bytes, `tile ${tile.path}`);
  }
}

test("a whole stream, proved and only digested", async () => {
  assert.ok(tiles.length > 20);
  await using gateway = await playing([whole], []);
  await using pool = new FoldPool(2);
  check(await read(gateway, pool));
  check(await read(gateway, null));
});

test("a stream that breaks off is taken up behind its last tile", async () => {
  const requests: backup.StreamStateSnapshotRequest[] = [];
  const failing = (reason: "DRAINING" | "STALLED" | "NO_SLOT") => async () => {
    throw new HoldfastError(reason, "in the middle");
  };
  await using gateway = await playing(
    [some(3, failing("DRAINING")), some(0, failing("STALLED")), some(4, failing("NO_SLOT")), whole],
    requests,
  );
  await using pool = new FoldPool(1);
  check(await read(gateway, pool));
  assert.deepEqual(
    requests.map(({ resumeAfter }) => resumeAfter),
    ["", tiles[2]?.path, tiles[2]?.path, tiles[6]?.path],
  );
  for (const request of requests) {
    assert.equal(request.version, 7n);
    assert.deepEqual(request.expectedRoot, target.stateRoot);
    assert.deepEqual(request.expectedHistoryId, target.historyId);
  }
});

test("a stream that falls silent is taken up again", async () => {
  const requests: backup.StreamStateSnapshotRequest[] = [];
  await using gateway = await playing([some(5, silence), whole], requests, 300);
  check(await read(gateway, null));
  assert.equal(requests.length, 2);
});

test("the gateway that is silent, or ends without trailer, for good is named", async () => {
  await using gateway = await playing([some(5, silence)], [], 200);
  const { address } = gateway;
  await assert.rejects(read(gateway, null, target, 0), {
    reason: "DEADLINE_EXCEEDED",
    message: new RegExp(`the gateway service at ${address} gave no frame`),
    metadata: { service: "gateway", address },
  });
  await using other = await playing([some(5, (frames) => frames.finish(heartbeat))], []);
  await assert.rejects(read(other, null, target, 0), {
    reason: "STORAGE_UNAVAILABLE",
    message: new RegExp(`at ${other.address} ended without its trailer`),
    metadata: { service: "gateway", address: other.address },
  });
});

test("a stream may begin behind a tile that is held", async () => {
  await using gateway = await playing([whole], []);
  const resumeAfter = tiles[9]?.path ?? "";
  check(await read(gateway, null, { ...target, resumeAfter }), tiles.slice(10));
});

test("another gateway goes on where one is gone", async () => {
  const requests: backup.StreamStateSnapshotRequest[] = [];
  const gone = async () => {
    throw new HoldfastError("STORAGE_UNAVAILABLE", "gone");
  };
  await using first = await playing([some(2, gone)], requests);
  await using second = await playing([whole], requests);
  const both = connect([first.address, second.address]);
  check(await read({ ...first, gateways: both }, null));
  assert.equal(requests.length, 2);
  both.close();
});

test("the patience ends", async () => {
  await using gateway = await playing(
    [
      some(0, async () => {
        throw new HoldfastError("DRAINING", "for ever");
      }),
    ],
    [],
  );
  await assert.rejects(read(gateway, null, target, 400), { reason: "DRAINING" });
});

test("what is wrong in a stream is found", async (context) => {
  await using pool = new FoldPool(1);
  const [tile] = tiles;
  assert.ok(tile !== undefined);
  const chunk = chunkOf(tile, (body) => backup.StateChunk.decode(body));
  const encoded = (items: backup.StateChunk["items"]): Buffer =>
    Buffer.from(
      backup.StateChunk.encode({
        ...{ path: "", node: undefined, itemCount: 0n, chunkId: Buffer.alloc(0), siblings: [] },
        items,
      }).finish(),
    );
  const fitting = ({ itemCount, chunkId, items }: backup.StateChunk): Frame => ({
    part: {
      $case: "trailer",
      value: {
        tiles: 1n,
        items: itemCount,
        bytes: BigInt(encoded(items).length),
        sha256: sha256(chunkId),
      },
    },
  });
  const only =
    (changed: backup.StateChunk, end: Frame = fitting(changed)): Serve =>
    async (_, frames) => {
      await frames.send(header);
      await frames.send({ part: { $case: "chunks", value: { chunks: [changed] } } });
      await frames.finish(end);
    };
  const otherItems = chunk.items.with(0, {
    key: chunk.items[0]?.key ?? Buffer.alloc(0),
    value: Buffer.from("x"),
  });
  const otherId = sha256(encoded(otherItems));
  const without: backup.StateChunk = {
    ...chunk,
    node: { kind: { $case: "empty", value: true } },
    itemCount: 0n,
    chunkId: sha256(Buffer.alloc(0)),
    items: [],
  };
  const plays: readonly (readonly [string, Serve, RegExp, boolean])[] = [
    ["a body that is not its chunk", only({ ...chunk, items: otherItems }), /digest/, false],
    [
      "a chunk that is not its node",
      only({ ...chunk, items: otherItems, chunkId: otherId }),
      /fold to another node/,
      true,
    ],
    ["another count", only({ ...chunk, itemCount: 1n }), /number of items/, false],
    ["no node", only({ ...chunk, node: undefined }), /node/, false],
    ["a tile without items", only(without), /without items/, false],
    ["a wrong trailer", only(chunk, trailer([])), /trailer/, false],
  ];
  for (const [what, serve, message, onlyProved] of plays) {
    await context.test(what, async () => {
      await using gateway = await playing([serve], []);
      await assert.rejects(read(gateway, pool), message);
      if (!onlyProved) await assert.rejects(read(gateway, null), message);
    });
  }
  await context.test("tiles out of order", async () => {
    const serve: Serve = async (_, frames) => {
      await frames.send(header);
      for (const one of tiles.slice(0, 2).toReversed()) await frames.send(framed(one));
      await frames.finish(trailer([]));
    };
    await using gateway = await playing([serve], []);
    await assert.rejects(read(gateway, null), /out of order/);
  });
  await context.test("another state's stream", async () => {
    await using gateway = await playing([whole], []);
    const other = { ...target, historyId: Buffer.alloc(16, 9) };
    await assert.rejects(read(gateway, null, other), { reason: "HISTORY_FORKED" });
  });
});

test("a stream that ends without its trailer is not complete", async () => {
  // FrameStream cannot end so; a bare handler can.
  let calls = 0;
  const handler = serverStreaming<backup.StreamStateSnapshotRequest, Frame>(
    async (request, { signal }, frames) => {
      calls += 1;
      if (calls > 1) return whole(request, frames, signal);
      await frames.send(header);
      await frames.finish(heartbeat);
    },
  );
  await using gateway = await fakeGateway({ streamStateSnapshot: handler });
  check(await read(gateway, null));
  assert.equal(calls, 2);
});
