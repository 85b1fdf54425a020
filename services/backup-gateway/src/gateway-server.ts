import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { backup, lease, restore } from "@holdfast/api";
import { type Clock, type Logger, limits, systemClock } from "@holdfast/core";
import { AdminServer, formatAddress, Metrics, type RunningService } from "@holdfast/process";
import { type CallTimes, GrpcServer, type Health, RawClient, rawMethod } from "@holdfast/rpc";
import { Admission, type AdmissionLimits } from "./admission/admission.js";
import type { GatewayConfig } from "./config.js";
import { gatewayMetrics } from "./gateway-metrics.js";
import { Forwarder } from "./rpc/forwarder.js";
import { StorageChannels } from "./storage/storage-channels.js";
import { checkStorage } from "./storage/storage-health.js";
import { StorageProbe } from "./storage/storage-probe.js";

/** What a gateway needs of its surroundings. */
export interface GatewayHost {
  readonly logger: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
  /** Other times than the contract's, for tests. */
  readonly times?: {
    readonly call?: Partial<CallTimes>;
    readonly admission?: Omit<AdmissionLimits, "streamSlots">;
    readonly probe?: { readonly intervalMs: number; readonly awayMs: number };
    readonly silenceMsMax?: number;
  };
}

/** What the gateway serves: the methods of storage, on the same paths. */
const SERVICES = [
  backup.BackupServiceService,
  restore.RestoreServiceService,
  lease.LeaseServiceService,
] as const;
const NAMES = ["BackupService", "RestoreService", "LeaseService"].map(
  (name) => `holdfast.backup.v1.${name}`,
);

/** All slots, everybody that waits, and room for unary calls and renewals, on one connection. */
const CONCURRENT_STREAMS_MAX = 1_280;

/** A gateway in front of one storage. */
export class GatewayServer implements RunningService {
  readonly #config: GatewayConfig;
  readonly #server: GrpcServer;
  readonly #admin: AdminServer;
  readonly #channels: StorageChannels;
  readonly #probe: StorageProbe;
  readonly #probeClient: RawClient;
  #draining = false;
  #listen = "";
  #adminListen = "";

  /** Listens, and asks storage once how it is. @throws Error when an address is taken. */
  static async start(config: GatewayConfig, host: GatewayHost): Promise<GatewayServer> {
    const gateway = new GatewayServer(config, host);
    try {
      await gateway.#start();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  private constructor(config: GatewayConfig, { logger, clock = systemClock, times }: GatewayHost) {
    this.#config = config;
    const storage = formatAddress(config.storage);
    const metrics = new Metrics("gateway");
    const admission = new Admission(clock, { ...times?.admission, streamSlots: config.slots });
    this.#channels = new StorageChannels(storage);
    this.#server = new GrpcServer({
      logger,
      clock,
      receiveBytesMax: limits.GATEWAY_RECEIVE_BYTES_MAX,
      concurrentStreamsMax: CONCURRENT_STREAMS_MAX,
      observer: metrics.callCounter(),
      ...(times?.call === undefined ? {} : { times: times.call }),
    });
    const forwarder = new Forwarder({
      admission,
      channels: this.#channels,
      clock,
      ...(times?.silenceMsMax === undefined ? {} : { silenceMsMax: times.silenceMsMax }),
    });
    for (const service of SERVICES) this.#forward(service, forwarder);
    this.#probeClient = new RawClient(storage, { service: "storage" });
    this.#probe = new StorageProbe({
      clock,
      check: (signal) => checkStorage(this.#probeClient, signal),
      onRecovered: () => this.#channels.renew(),
      onPresent: () => {
        logger.info({ storage }, "storage is there");
        this.#setHealth("SERVING");
      },
      onAway: (error) => {
        const why = error instanceof Error ? error.message : "it gave no answer";
        logger.warn({ storage }, `storage is away: ${why}`);
        this.#setHealth("NOT_SERVING");
      },
      ...(times?.probe === undefined ? {} : { times: times.probe }),
    });
    gatewayMetrics(metrics, { admission, channels: this.#channels, probe: this.#probe });
    this.#admin = new AdminServer(metrics, () => this.#reasonsNotReady());
  }

  get listen(): string {
    return this.#listen;
  }

  get admin(): string {
    return this.#adminListen;
  }

  drain(hurry: AbortSignal): Promise<void> {
    this.#draining = true;
    const { drainDelayMs, drainGraceMs } = this.#config;
    return this.#server.drain({ delayMs: drainDelayMs, graceMs: drainGraceMs, hurry });
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#probe.stop();
    this.#probeClient.close();
    this.#channels.close();
    await this.#admin.stop();
  }

  async #start(): Promise<void> {
    this.#adminListen = await this.#admin.start(this.#config.adminListen);
    this.#listen = await this.#server.start(formatAddress(this.#config.listen));
    await this.#probe.start();
  }

  #forward(service: ServiceDefinition, forwarder: Forwarder): void {
    const methods = Object.entries(service).map(
      ([name, method]) => [name, rawMethod(method)] as const,
    );
    const handlers = methods.map(([name, method]) => [name, forwarder.handlerOf(method)] as const);
    this.#server.add(
      Object.fromEntries(methods),
      Object.fromEntries(handlers) as UntypedServiceImplementation,
    );
  }

  #setHealth(health: Health): void {
    for (const name of NAMES) this.#server.setHealth(name, health);
  }

  #reasonsNotReady(): string[] {
    const reasons: string[] = [];
    if (this.#draining) reasons.push("draining");
    if (!this.#probe.present) reasons.push("storage is away");
    return reasons;
  }
}
