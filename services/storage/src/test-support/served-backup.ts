import { credentials } from "@grpc/grpc-js";
import { backup } from "@holdfast/api";
import { type Clock, HoldfastError, limits, systemClock } from "@holdfast/core";
import { callServerStreaming, callUnary, GrpcServer, type UnaryMethod } from "@holdfast/rpc";
import { RecordingLogger } from "@holdfast/testing";
import { LiveGeneration } from "../engine/live-generation.js";
import { ScanPool } from "../engine/scan-pool.js";
import type { LeaseGate, LeaseGuard } from "../lease/ports.js";
import { backupService } from "../rpc/backup-service.js";
import type { ScanModel } from "./scan-model.js";

/** The lease that a test has. */
export const LEASE = "lease";

/** A gate with one shared lease, which the test can end. */
export class TestGate implements LeaseGate {
  readonly #listeners: Set<(error: Error) => void> = new Set();
  #ended: HoldfastError | null = null;

  get listeners(): number {
    return this.#listeners.size;
  }

  end(error: HoldfastError): void {
    this.#ended = error;
    for (const listener of [...this.#listeners]) listener(error);
  }

  shared(leaseId: string): LeaseGuard {
    if (leaseId === "") throw new HoldfastError("LEASE_REQUIRED", "A lease is required.");
    if (leaseId !== LEASE) throw new HoldfastError("LEASE_UNKNOWN", "There is no such lease.");
    const check = (): void => {
      if (this.#ended !== null) throw this.#ended;
    };
    check();
    return {
      check,
      onEnd: (ended) => {
        this.#listeners.add(ended);
        return () => this.#listeners.delete(ended);
      },
    };
  }
}

/** BackupService of a test's store over loopback. */
export class ServedBackup implements AsyncDisposable {
  readonly gate: TestGate = new TestGate();
  readonly live: LiveGeneration;
  readonly scans: ScanPool;
  readonly scansRunning: () => number;
  readonly client: backup.BackupServiceClient;
  /** Folders of generations that every thread has closed. */
  retired: readonly string[] = [];
  readonly #server: GrpcServer;
  #failures: unknown[] = [];

  private constructor(
    parts: Pick<ServedBackup, "live" | "scans"> & { server: GrpcServer; address: string },
    service: Pick<ServedBackup, "gate" | "scansRunning">,
  ) {
    this.gate = service.gate;
    this.live = parts.live;
    this.scans = parts.scans;
    this.scansRunning = service.scansRunning;
    this.#server = parts.server;
    this.client = new backup.BackupServiceClient(parts.address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** @param scans stands in for real threads. */
  static async start(
    { store }: ScanModel,
    { clock = systemClock, scans }: { clock?: Clock; scans?: ScanPool } = {},
  ): Promise<ServedBackup> {
    const gate = new TestGate();
    const failures: unknown[] = [];
    const retired: string[] = [];
    const live = new LiveGeneration(1, store.env, {
      retire: async (_number, { path }) => {
        await pool.closeGeneration(path);
        retired.push(path);
      },
      onFailure: (error) => failures.push(error),
    });
    const pool =
      scans ??
      new ScanPool({ threads: 2, waitingMax: 64 }, { onFailure: (error) => failures.push(error) });
    const service = backupService({ live, scans: pool, leases: gate, clock });
    const server = new GrpcServer({
      logger: new RecordingLogger(),
      receiveBytesMax: limits.STORAGE_RECEIVE_BYTES_MAX,
      concurrentStreamsMax: 100,
      clock,
    });
    server.add(service.definition, service.implementation);
    const address = await server.start("127.0.0.1:0");
    const { scansRunning } = service;
    const served = new ServedBackup({ live, scans: pool, server, address }, { gate, scansRunning });
    served.#failures = failures;
    served.retired = retired;
    return served;
  }

  /** What went wrong in threads. */
  get failures(): readonly unknown[] {
    return this.#failures;
  }

  call<Req, Res>(method: UnaryMethod<Req, Res>, request: Req): Promise<Res> {
    const signal = new AbortController().signal;
    return callUnary(method.bind(this.client), request, { signal, timeoutMs: 30_000 });
  }

  snapshot(
    request: Partial<backup.StreamStateSnapshotRequest> = {},
    signal: AbortSignal = new AbortController().signal,
  ): AsyncGenerator<backup.StreamStateSnapshotResponse> {
    const whole = { ...SNAPSHOT, ...request };
    return callServerStreaming(() => this.client.streamStateSnapshot(whole), signal);
  }

  tiles(
    selection: backup.StreamStateTilesRequest["selection"],
    request: Partial<backup.StreamStateTilesRequest> = {},
  ): AsyncGenerator<backup.StreamStateTilesResponse> {
    const { resumeAfter: _, ...state } = SNAPSHOT;
    const whole = { ...state, selection, ...request };
    const { signal } = new AbortController();
    return callServerStreaming(() => this.client.streamStateTiles(whole), signal);
  }

  changes(
    request: Partial<backup.StreamStateChangesRequest>,
  ): AsyncGenerator<backup.StreamStateChangesResponse> {
    const { withProofs: _, ...state } = SNAPSHOT;
    const whole = { ...state, fromVersion: undefined, fromRoot: Buffer.alloc(0), ...request };
    const { signal } = new AbortController();
    return callServerStreaming(() => this.client.streamStateChanges(whole), signal);
  }

  /** Goes down in order, as on SIGTERM. */
  drain(): Promise<void> {
    const { signal: hurry } = new AbortController();
    return this.#server.drain({ delayMs: 0, graceMs: 10_000, hurry });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.#server.stop();
    await this.scans.close();
  }
}

const SNAPSHOT: backup.StreamStateSnapshotRequest = {
  version: undefined,
  leaseId: LEASE,
  expectedHistoryId: Buffer.alloc(0),
  expectedRoot: Buffer.alloc(0),
  resumeAfter: "",
  withProofs: false,
};
