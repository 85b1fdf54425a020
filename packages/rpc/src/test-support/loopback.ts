import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type Settings,
} from "node:http2";
import { credentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { backup, restore } from "@holdfast/api";
import { RecordingLogger } from "@holdfast/testing";
import { clientOptions } from "../client-options.js";
import { GrpcServer, type GrpcServerOptions } from "../grpc-server.js";
import { unary } from "../unary.js";

/** A server on a free port with fake handlers, and clients for it. */
export interface Loopback extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly address: string;
  readonly logger: RecordingLogger;
  /** One line for each event the observer was told. */
  readonly observed: string[];
  readonly backup: backup.BackupServiceClient;
  readonly restore: restore.RestoreServiceClient;
}

type Methods<S> = Partial<Record<keyof S, UntypedServiceImplementation[string]>>;

/** Starts it; methods without a handler fail. */
export async function loopback(
  handlers: Methods<typeof backup.BackupServiceService> &
    Methods<typeof restore.RestoreServiceService>,
  options: Partial<GrpcServerOptions> = {},
): Promise<Loopback> {
  const logger = new RecordingLogger();
  const observed: string[] = [];
  const short = (method: string): string => method.split("/").at(-1) ?? "";
  const server = new GrpcServer({
    logger,
    receiveBytesMax: 128 * 1024,
    concurrentStreamsMax: 1280,
    observer: {
      callStarted: (method) => void observed.push(`started ${short(method)}`),
      callEnded: (method, status) => void observed.push(`ended ${short(method)} ${status}`),
      frameSent: (method, bytes) => void observed.push(`sent ${short(method)} ${bytes}`),
    },
    ...options,
  });
  const missing = unary(() => Promise.reject(new Error("not in this test")));
  for (const service of [backup.BackupServiceService, restore.RestoreServiceService]) {
    const given = handlers as Record<string, UntypedServiceImplementation[string] | undefined>;
    const all = Object.keys(service).map((name) => [name, given[name] ?? missing]);
    server.add(service, Object.fromEntries(all) as UntypedServiceImplementation);
  }
  const address = await server.start("127.0.0.1:0");
  const insecure = credentials.createInsecure();
  const backupClient = new backup.BackupServiceClient(address, insecure, clientOptions());
  const restoreClient = new restore.RestoreServiceClient(address, insecure, clientOptions());
  return {
    server,
    address,
    logger,
    observed,
    backup: backupClient,
    restore: restoreClient,
    [Symbol.asyncDispose]: async () => {
      backupClient.close();
      restoreClient.close();
      await server.stop();
    },
  };
}

/** A call made with bare HTTP/2, for what no gRPC client would do. */
export interface BareCall extends Disposable {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
}

/** Opens a call; `body` is sent as one message, and the request stays open with null. */
export function bareCall(
  address: string,
  path: string,
  body: Buffer | null,
  headers: Readonly<Record<string, string>> = {},
  settings: Settings = {},
): BareCall {
  const session = connect(`http://${address}`, { settings });
  session.on("error", () => undefined);
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  if (body !== null) stream.end(framed(body));
  return { session, stream, [Symbol.dispose]: () => session.destroy() };
}

/** What announces a message of so many bytes. */
export function messagePrefix(bytes: number, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(bytes, 1);
  return prefix;
}

/** A message as gRPC frames it. */
export function framed(body: Buffer, isCompressed = false): Buffer {
  return Buffer.concat([messagePrefix(body.length, isCompressed), body]);
}

/** A snapshot request that asks for nothing in particular. */
export const SNAPSHOT_REQUEST: backup.StreamStateSnapshotRequest =
  backup.StreamStateSnapshotRequest.create({});

/** A frame with one item of so many bytes. */
export function frameOf(bytes: number): backup.StreamStateSnapshotResponse {
  const item = { key: Buffer.from("k"), value: Buffer.alloc(bytes, 7) };
  const chunk: backup.StateChunk = {
    path: "0",
    node: undefined,
    itemCount: 1n,
    chunkId: Buffer.alloc(0),
    siblings: [],
    items: [item],
  };
  return { part: { $case: "chunks", value: { chunks: [chunk] } } };
}

/** The last frame of a complete stream. */
export const TRAILER: backup.StreamStateSnapshotResponse =
  backup.StreamStateSnapshotResponse.create({ part: { $case: "trailer", value: { tiles: 3n } } });

/** A sign of life. */
export const HEARTBEAT: backup.StreamStateSnapshotResponse =
  backup.StreamStateSnapshotResponse.create({
    part: {
      $case: "heartbeat",
      value: { reason: backup.HeartbeatReason.WAITING_FOR_WORKER },
    },
  });
