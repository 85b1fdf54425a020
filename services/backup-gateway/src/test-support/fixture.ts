import { type ClientHttp2Stream, connect } from "node:http2";
import { credentials, Metadata } from "@grpc/grpc-js";
import { backup, grpcHealthV1, lease, restore } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import {
  callOptions,
  callServerStreaming,
  callUnary,
  clientOptions,
  FrameClient,
  limitStreamBuffers,
  RawClient,
} from "@holdfast/rpc";
import { RecordingLogger } from "@holdfast/testing";
import { readConfig } from "../config.js";
import { type GatewayHost, GatewayServer } from "../gateway-server.js";
import { FakeStorage } from "./fake-storage.js";
import { REQUEST } from "./frames.js";

// As in main.ts.
limitStreamBuffers();

/** Signal of calls that nobody takes back. */
export const NEVER: AbortSignal = new AbortController().signal;
/** Path of the stream most tests use. */
export const SNAPSHOT_PATH = "/holdfast.backup.v1.BackupService/StreamStateSnapshot";
/** Longer than tests move a clock. */
const PATIENCE_MS = 3_600_000;

/** Clients of one gateway, on a connection of their own. */
export interface Clients extends Disposable {
  readonly backup: backup.BackupServiceClient;
  readonly restore: restore.RestoreServiceClient;
  readonly lease: lease.LeaseServiceClient;
  readonly health: grpcHealthV1.HealthClient;
  readonly raw: RawClient;
  readonly frames: FrameClient;
}

/** A gateway in this process in front of a fake storage. */
export interface Fixture extends AsyncDisposable {
  readonly storage: FakeStorage;
  readonly gateway: GatewayServer;
  readonly logger: RecordingLogger;
  readonly clients: Clients;
}

/** Starts both. */
export async function fixture(
  host: Omit<GatewayHost, "logger"> = {},
  flags: readonly string[] = [],
): Promise<Fixture> {
  const storage = new FakeStorage();
  await storage.start();
  const logger = new RecordingLogger();
  const config = readConfig([
    ...["--storage", storage.address, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    ...["--drain-delay", "0", ...flags],
  ]);
  const gateway = await GatewayServer.start(config, { logger, ...host });
  const clients = clientsOf(gateway.listen);
  return {
    storage,
    gateway,
    logger,
    clients,
    [Symbol.asyncDispose]: async () => {
      clients[Symbol.dispose]();
      await gateway.stop();
      storage.kill();
    },
  };
}

/** Clients on a new connection. */
export function clientsOf(address: string): Clients {
  const insecure = credentials.createInsecure();
  const options = clientOptions();
  const typed = {
    backup: new backup.BackupServiceClient(address, insecure, options),
    restore: new restore.RestoreServiceClient(address, insecure, options),
    lease: new lease.LeaseServiceClient(address, insecure, options),
    health: new grpcHealthV1.HealthClient(address, insecure, options),
    raw: new RawClient(address),
    frames: new FrameClient(address),
  };
  return {
    ...typed,
    [Symbol.dispose]: () => {
      for (const client of Object.values(typed)) client.close();
    },
  };
}

/** How a stream ended that was read to its end. */
export interface StreamEnd {
  readonly frames: backup.StreamStateSnapshotResponse[];
  /** Null for OK. */
  readonly error: unknown;
}

/** Reads a snapshot to its end. */
export async function readSnapshot(
  { backup: client }: Clients,
  signal: AbortSignal = NEVER,
  request: backup.StreamStateSnapshotRequest = REQUEST,
): Promise<StreamEnd> {
  const frames: backup.StreamStateSnapshotResponse[] = [];
  const open = () => client.streamStateSnapshot(request, new Metadata(), callOptions(PATIENCE_MS));
  try {
    for await (const frame of callServerStreaming(open, signal)) frames.push(frame);
    return { frames, error: null };
  } catch (error) {
    return { frames, error };
  }
}

/** What each frame holds, in order. */
export function partsOf({ frames }: StreamEnd): string[] {
  return frames.map((frame) => frame.part?.$case ?? "none");
}

/** Health of the gateway's backup service. */
export async function isServing({ health }: Clients): Promise<boolean> {
  const { status } = await callUnary(
    health.check.bind(health),
    { service: "holdfast.backup.v1.BackupService" },
    { signal: NEVER, timeoutMs: PATIENCE_MS },
  );
  return status === grpcHealthV1.HealthCheckResponse_ServingStatus.SERVING;
}

/** True for the error with this reason; for `assert.rejects` and friends. */
export function hasReason(reason: string): (error: unknown) => error is HoldfastError {
  return (error): error is HoldfastError =>
    error instanceof HoldfastError && error.reason === reason;
}

/** A stream whose client reads nothing, on a connection of its own. */
export interface PausedStream extends Disposable {
  readonly stream: ClientHttp2Stream;
  /** Resolves to the reset code when the server has ended it. */
  readonly closed: Promise<number>;
}

/** Opens a snapshot with bare HTTP/2 and leaves what comes unread. */
export function pausedStream(
  address: string,
  headers: Readonly<Record<string, string>> = {},
): PausedStream {
  const session = connect(`http://${address}`);
  session.on("error", () => undefined);
  const stream = session.request({
    ":method": "POST",
    ":path": SNAPSHOT_PATH,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  const body = backup.StreamStateSnapshotRequest.encode(REQUEST).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  stream.end(Buffer.concat([prefix, body]));
  const closed = new Promise<number>((resolve) => {
    stream.once("close", () => resolve(stream.rstCode ?? 0));
  });
  return { stream, closed, [Symbol.dispose]: () => session.destroy() };
}

/** A sample of the gateway's /metrics. */
export async function metric({ admin }: { admin: string }, name: string): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  if (line === undefined) throw new Error(`there is no metric ${name}`);
  return Number(line.split(" ")[1]);
}
