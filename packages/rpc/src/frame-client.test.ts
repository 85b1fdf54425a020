// Goal: a stream read in pieces is that which grpc-js reads: its messages, its end, its errors.
// Method: our own server over real sockets; bare HTTP/2 servers for what that never does.
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { setImmediate } from "node:timers/promises";
import { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { until } from "@holdfast/testing";
import type { CallContext } from "./call-context.js";
import { FrameClient } from "./frame-client.js";
import type { FrameStream } from "./frame-stream.js";
import { serverStreaming } from "./server-streaming.js";
import {
  framed,
  frameOf,
  type Loopback,
  loopback,
  messagePrefix,
  SNAPSHOT_REQUEST,
  TRAILER,
} from "./test-support/loopback.js";

type Frame = backup.StreamStateSnapshotResponse;
type Handler = (
  request: backup.StreamStateSnapshotRequest,
  context: CallContext,
  frames: FrameStream<Frame>,
) => Promise<void>;

const PATH = "/holdfast.backup.v1.BackupService/StreamStateSnapshot";
const REQUEST = Buffer.from(backup.StreamStateSnapshotRequest.encode(SNAPSHOT_REQUEST).finish());
const never = new AbortController().signal;

const serve = (handler: Handler): Promise<Loopback> =>
  loopback({ streamStateSnapshot: serverStreaming(handler) });

const encode = (frame: Frame): Buffer =>
  Buffer.from(backup.StreamStateSnapshotResponse.encode(frame).finish());

async function read(
  client: FrameClient,
  { signal = never, timeoutMs = 20_000 } = {},
): Promise<{ frames: Buffer[]; error: unknown }> {
  const frames: Buffer[] = [];
  try {
    for await (const frame of client.serverStreaming(PATH, REQUEST, { signal, timeoutMs })) {
      frames.push(frame.join());
    }
    return { frames, error: null };
  } catch (error) {
    return { frames, error };
  }
}

function assertReason(error: unknown, reason: string): asserts error is HoldfastError {
  assert.ok(error instanceof HoldfastError, String(error));
  assert.equal(error.reason, reason, error.message);
}

/** A server of bare HTTP/2, and a client for it. */
interface Bare extends AsyncDisposable {
  readonly client: FrameClient;
  readonly sessions: readonly ServerHttp2Session[];
  /** Connections that were made, and those of them that are open. */
  readonly connections: { made: number; open: number };
}

async function bare(
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<Bare> {
  const server: Http2Server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const connections = { made: 0, open: 0 };
  server.on("session", (session) => void sessions.push(session));
  server.on("connection", (socket) => {
    connections.made++;
    connections.open++;
    socket.once("close", () => connections.open--);
  });
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new FrameClient(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    client,
    sessions,
    connections,
    [Symbol.asyncDispose]: async () => {
      client.close();
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers like a gRPC server up to the trailers. */
function respond(stream: ServerHttp2Stream, ...bytes: readonly Buffer[]): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  for (const each of bytes) stream.write(each);
}

/** The same, whole. */
function respondWith(stream: ServerHttp2Stream, trailers: object, ...bytes: Buffer[]): void {
  stream.on("wantTrailers", () => stream.sendTrailers({ ...trailers }));
  respond(stream, ...bytes);
  stream.end();
}

test("messages of every size come as they were sent, one stream beside others", async () => {
  const sizes = [0, 1, 16_000, 130_000, 70_000, 400_000, 5];
  await using loop = await serve(async (_, __, frames) => {
    for (const size of sizes) await frames.send(frameOf(size));
    await frames.finish(TRAILER);
  });
  const client = new FrameClient(loop.address);
  const expected = [...sizes.map(frameOf), TRAILER].map(encode);
  const ends = await Promise.all(Array.from({ length: 8 }, () => read(client)));
  for (const { frames, error } of ends) {
    assert.equal(error, null);
    assert.deepEqual(frames, expected);
  }
  client.close();
});

test("the server gets the request, and the time the call may take", async () => {
  const requests: backup.StreamStateSnapshotRequest[] = [];
  await using loop = await serve(async (request, _, frames) => {
    requests.push(request);
    await frames.finish(TRAILER);
  });
  const client = new FrameClient(loop.address);
  const request = { ...SNAPSHOT_REQUEST, leaseId: "lease-1", resumeAfter: "a3" };
  const bytes = Buffer.from(backup.StreamStateSnapshotRequest.encode(request).finish());
  for await (const _ of client.serverStreaming(PATH, bytes, { signal: never, timeoutMs: 20_000 }));
  assert.deepEqual(requests, [request]);
  client.close();

  const timeouts: unknown[] = [];
  await using server = await bare((stream, headers) => {
    timeouts.push(headers["grpc-timeout"]);
    respondWith(stream, { "grpc-status": "0" });
  });
  for (const timeoutMs of [7_000.5, 99_999_999, 100_000_000, Number.POSITIVE_INFINITY]) {
    assert.equal((await read(server.client, { timeoutMs })).error, null);
  }
  assert.deepEqual(timeouts, ["7001m", "99999999m", "100000S", "2147484S"]);
});

test("an error of the server comes behind what was sent before it, as it was thrown", async () => {
  const thrown = new HoldfastError("VERSION_PRUNED", "Version 3 is 100 % gone: ö.", {
    metadata: { version: "3" },
    retryAfterMs: 1_500,
  });
  await using loop = await serve(async (_, __, frames) => {
    await frames.send(frameOf(100_000));
    throw thrown;
  });
  const client = new FrameClient(loop.address);
  const { frames, error } = await read(client);
  assert.deepEqual(frames, [encode(frameOf(100_000))]);
  assertReason(error, "VERSION_PRUNED");
  assert.equal(error.message, thrown.message);
  assert.deepEqual(error.metadata, thrown.metadata);
  assert.equal(error.retryAfterMs, 1_500);
  client.close();
});

test("an error before the first message, which comes without response headers", async () => {
  await using loop = await serve(() =>
    Promise.reject(new HoldfastError("NO_SLOT", "Try again later.", { retryAfterMs: 100 })),
  );
  const client = new FrameClient(loop.address);
  const { frames, error } = await read(client);
  assert.equal(frames.length, 0);
  assertReason(error, "NO_SLOT");
  client.close();
});

test("taken back, the server hears of it, and the reader throws the reason", async (context) => {
  let signal: AbortSignal | null = null;
  await using loop = await serve(async (_, call, frames) => {
    signal = call.signal;
    while (!call.signal.aborted) await frames.send(frameOf(100_000));
  });
  const client = new FrameClient(loop.address);
  const isLeft = (): boolean => signal?.aborted === true && loop.server.openCalls === 0;
  await context.test("by its signal, in the middle", async () => {
    const abort = new AbortController();
    const call = { signal: abort.signal, timeoutMs: 20_000 };
    const frames = client.serverStreaming(PATH, REQUEST, call);
    await frames.next();
    abort.abort(new Error("enough"));
    await assert.rejects(async () => {
      for await (const _ of frames);
    }, /enough/);
    await until(isLeft, "the server ended the call");
  });
  await context.test("by a reader that leaves", async () => {
    for await (const _ of client.serverStreaming(PATH, REQUEST, {
      signal: never,
      timeoutMs: 20_000,
    }))
      break;
    await until(isLeft, "the server ended the call");
  });
  client.close();
});

test("taken back before the connection was made, it never reaches the server", async () => {
  let calls = 0;
  await using loop = await serve(async (_, __, frames) => {
    calls++;
    await frames.finish(TRAILER);
  });
  const client = new FrameClient(loop.address);
  const abort = new AbortController();
  const frames = client.serverStreaming(PATH, REQUEST, { signal: abort.signal, timeoutMs: 20_000 });
  const first = frames.next();
  abort.abort(new Error("never mind"));
  await assert.rejects(first, /never mind/);
  assert.equal((await read(client)).error, null);
  assert.equal(calls, 1);
  client.close();
});

test("left behind a complete answer, stream and connection go", async (context) => {
  const messages = Array.from({ length: 6 }, () => framed(Buffer.alloc(20_000)));
  const leave: Record<string, (frames: AsyncGenerator<unknown>, abort: () => void) => unknown> = {
    "by a reader that leaves": (frames) => frames.return(undefined),
    "by its signal": (_, abort) => abort(),
  };
  for (const [name, end] of Object.entries(leave)) {
    for (const turns of [0, 1, 2, 3, 20]) {
      await context.test(`${name}, ${turns} turns later`, async () => {
        await using server = await bare((stream) =>
          respondWith(stream, { "grpc-status": "0" }, ...messages),
        );
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            const abort = new AbortController();
            const call = { signal: abort.signal, timeoutMs: 20_000 };
            const frames = server.client.serverStreaming(PATH, REQUEST, call);
            await frames.next();
            for (let turn = 0; turn < turns; turn++) await setImmediate();
            await end(frames, () => abort.abort());
          }),
        );
        server.client.close();
        await until(() => server.connections.open === 0, "the connection was closed");
      });
    }
  }
});

test("closed before it is connected, the client's connection goes as soon as it is made", async () => {
  await using server = await bare((stream) => stream.close());
  const abort = new AbortController();
  const call = { signal: abort.signal, timeoutMs: 20_000 };
  const first = server.client.serverStreaming(PATH, REQUEST, call).next();
  abort.abort(new Error("never mind"));
  server.client.close();
  await assert.rejects(first, /never mind/);
  await until(
    () => server.connections.made === 1 && server.connections.open === 0,
    "the connection was made and closed",
  );
});

test("time that is over ends a call whose server is silent", async () => {
  await using server = await bare((stream) => respond(stream, framed(Buffer.from("1"))));
  const { frames, error } = await read(server.client, { timeoutMs: 500 });
  assert.equal(frames.length, 1);
  assertReason(error, "DEADLINE_EXCEEDED");
});

test("who reads nothing gets no more than the window and two messages", async () => {
  let sent = 0;
  await using loop = await serve(async (_, { signal }, frames) => {
    while (!signal.aborted) {
      await frames.send(frameOf(32 * 1024));
      sent++;
    }
  });
  const client = new FrameClient(loop.address, { windowBytes: 256 * 1024 });
  const frames = client.serverStreaming(PATH, REQUEST, { signal: never, timeoutMs: 20_000 });
  await frames.next();
  await until(() => sent >= 6, "the window is used");
  let [seen, quiet] = [-1, 0];
  await until(() => {
    quiet = sent === seen ? quiet + 1 : 0;
    seen = sent;
    return quiet >= 20;
  }, "the stream is stuck");
  assert.ok(sent <= 12, `${sent} messages of 32 KiB`);
  await frames.return();
  client.close();
});

test("a stream that does not end as gRPC says is STORAGE_UNAVAILABLE", async (context) => {
  const message = framed(Buffer.from("abc"));
  const ends: Record<string, (stream: ServerHttp2Stream) => void> = {
    "no status": (stream) => respondWith(stream, {}, message),
    "a status in the middle of a message": (stream) =>
      respondWith(stream, { "grpc-status": "0" }, message, messagePrefix(10), Buffer.from("x")),
    "a reset": (stream) => {
      respond(stream, message);
      void setImmediate().then(() => stream.close(2));
    },
    "no trailers": (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end(message);
    },
    "a connection that breaks": (stream) => {
      respond(stream, message);
      void setImmediate().then(() => stream.session?.destroy());
    },
    "another HTTP status": (stream) => stream.respond({ ":status": 404 }, { endStream: true }),
    "another content": (stream) => {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      stream.end("<html></html>");
    },
  };
  for (const [name, answer] of Object.entries(ends)) {
    await context.test(name, async () => {
      await using server = await bare(answer);
      const { error } = await read(server.client);
      assertReason(error, "STORAGE_UNAVAILABLE");
    });
  }
});

test("messages that must not be are refused", async () => {
  await using large = await bare((stream) => respond(stream, messagePrefix(2 ** 31)));
  assertReason((await read(large.client)).error, "MESSAGE_TOO_LARGE");
  await using compressed = await bare((stream) => respond(stream, messagePrefix(3, true)));
  assertReason((await read(compressed.client)).error, "INTERNAL");
});

test("a server that goes away serves what it has; the next call makes a new connection", async () => {
  const streams: ServerHttp2Stream[] = [];
  await using server = await bare((stream) => {
    streams.push(stream);
    respond(stream, framed(Buffer.from("1")));
  });
  const call = { signal: never, timeoutMs: 20_000 };
  const first = server.client.serverStreaming(PATH, REQUEST, call);
  await first.next();
  server.sessions[0]?.goaway();
  const finish = (stream: ServerHttp2Stream | undefined): void => {
    stream?.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream?.end(framed(Buffer.from("2")));
  };
  // Its end is no way to know that a client has heard: only that later calls are elsewhere.
  await until(async () => {
    const abort = new AbortController();
    const probe = server.client.serverStreaming(PATH, REQUEST, { ...call, signal: abort.signal });
    await probe.next().catch(() => undefined);
    abort.abort();
    return server.sessions.length === 2;
  }, "a second connection was made");
  finish(streams[0]);
  const second = await first.next();
  assert.deepEqual(second.value?.join(), Buffer.from("2"));
  assert.equal((await first.next()).done, true);
});

test("closed, it lets calls end and takes no more", async () => {
  let go: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  await using loop = await serve(async (_, __, frames) => {
    await frames.send(frameOf(1));
    await gone;
    await frames.finish(TRAILER);
  });
  const client = new FrameClient(loop.address);
  const frames = client.serverStreaming(PATH, REQUEST, { signal: never, timeoutMs: 20_000 });
  await frames.next();
  client.close();
  assertReason((await read(client)).error, "STORAGE_UNAVAILABLE");
  go();
  assert.deepEqual((await frames.next()).value?.join(), encode(TRAILER));
  assert.equal((await frames.next()).done, true);
});
