import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { grpcReflectionV1, grpcReflectionV1Alpha } from "@holdfast/api";
import { type Clock, HoldfastError, type Logger, limits, sleep, systemClock } from "@holdfast/core";
import { HealthImplementation } from "grpc-health-check";
import type { CallContext, CallObserver, CallTimes } from "./call-context.js";
import { callInterceptor } from "./call-interceptor.js";
import { type DescriptorFile, readImage } from "./descriptor-image.js";
import { tolerant } from "./malformed-request.js";
import { ReceiveBudget } from "./receive-budget.js";
import { Reflection } from "./reflection.js";
import type { CallHost, Codec, ServerCall } from "./server-call.js";
import { checkTransport } from "./transport-check.js";

/** Options of a `GrpcServer`. */
export interface GrpcServerOptions {
  readonly logger: Logger;
  /** Largest message taken, bytes. */
  readonly receiveBytesMax: number;
  /** Memory of requests that are being received, over all connections. @default 64 MiB */
  readonly receivingBytesMax?: number;
  /** Calls open at the same time on one connection. */
  readonly concurrentStreamsMax: number;
  /** @default systemClock */
  readonly clock?: Clock;
  readonly observer?: CallObserver;
  /** Refuses a call by throwing, on its metadata, before a byte of its messages is buffered. */
  readonly admit?: (context: CallContext) => void;
  /** Descriptors that reflection serves. @default the committed image */
  readonly image?: ReadonlyMap<string, DescriptorFile>;
  /** Other times than the contract's, for tests. */
  readonly times?: Partial<CallTimes>;
}

/** How a server goes down. */
export interface DrainOptions {
  /** New calls are refused this long while the listener stays open, milliseconds. */
  readonly delayMs: number;
  /** From the begin of the drain to the hard end, milliseconds. */
  readonly graceMs: number;
  /** Aborting it goes to the hard end at once. */
  readonly hurry: AbortSignal;
}

/** Health of a service: SERVING while it can do its work. */
export type Health = "SERVING" | "NOT_SERVING";

/** How long handlers may go on behind the hard end, milliseconds. */
const SETTLE_MS_MAX = 5_000;
/** What callers that meet a draining server are told to wait, milliseconds. */
const DRAINING_RETRY_MS = 1_000;
/** How long an ended call's transport stream may stay open, milliseconds. */
const RESET_GRACE_MS = 1_000;
/** Health stays answered while everything else is refused. */
const HEALTH_PREFIX = "/grpc.health.v1.Health/";

/**
 * A gRPC server with health, reflection, own deadlines, resets for stuck readers, and a drain
 * that ends. Services are registered with `add`; their handlers are made by `unary`,
 * `serverStreaming` and `clientStreaming`.
 */
export class GrpcServer {
  readonly #host: CallHost;
  readonly #server: Server;
  readonly #codecs: Map<string, Codec> = new Map();
  readonly #health: HealthImplementation = new HealthImplementation({ "": "SERVING" });
  readonly #services: string[] = [];
  #draining = false;

  constructor(options: GrpcServerOptions) {
    this.#host = {
      clock: options.clock ?? systemClock,
      logger: options.logger,
      observer: options.observer,
      times: {
        unaryDefaultMs: limits.UNARY_DEADLINE_MS_DEFAULT,
        unaryMaxMs: limits.UNARY_DEADLINE_MS_MAX,
        streamDefaultMs: limits.STREAM_DEADLINE_MS_DEFAULT,
        streamMaxMs: limits.STREAM_DEADLINE_MS_MAX,
        stallMs: limits.STALL_MS_MAX,
        resetGraceMs: RESET_GRACE_MS,
        ...options.times,
      },
      admit: (context) => {
        if (this.#draining && !context.method.startsWith(HEALTH_PREFIX)) throw draining();
        options.admit?.(context);
      },
      receiving: new ReceiveBudget(options.receivingBytesMax ?? limits.RECEIVING_BYTES_MAX),
      calls: new Set(),
      handlers: new Set(),
    };
    this.#server = new Server({
      "grpc.max_receive_message_length": options.receiveBytesMax,
      "grpc.max_concurrent_streams": options.concurrentStreamsMax,
      "grpc.enable_channelz": 0,
      interceptors: [callInterceptor(this.#host, this.#codecs)],
    });
    this.#health.addToServer(this.#server);
    const reflection = new Reflection(options.image ?? readImage(), () => [
      ...this.#services,
      "grpc.health.v1.Health",
    ]);
    const serverReflectionInfo = reflection.handler as UntypedServiceImplementation[string];
    this.add(grpcReflectionV1.ServerReflectionService, { serverReflectionInfo });
    this.add(grpcReflectionV1Alpha.ServerReflectionService, { serverReflectionInfo });
  }

  /** Adds a service; its health is NOT_SERVING until `setHealth` says otherwise. */
  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    const identity = (bytes: Buffer): Buffer => bytes;
    const registered: Record<string, MethodDefinition<unknown, unknown>> = {};
    for (const [name, method] of Object.entries(definition)) {
      this.#codecs.set(method.path, method);
      // A ServerCall encodes, so that what cannot be encoded fails in its handler.
      registered[name] = {
        ...method,
        requestDeserialize: tolerant(method.requestDeserialize),
        responseSerialize: identity as (value: unknown) => Buffer,
      };
      const service = method.path.split("/")[1] ?? "";
      if (!this.#services.includes(service)) {
        this.#services.push(service);
        this.#health.setStatus(service, "NOT_SERVING");
      }
    }
    this.#server.addService(registered, implementation);
  }

  /** Says whether a service can do its work. A draining server stays NOT_SERVING. */
  setHealth(service: string, health: Health): void {
    this.#health.setStatus(service, this.#draining ? "NOT_SERVING" : health);
  }

  /** Calls whose transport stream is open. */
  get openCalls(): number {
    return this.#host.calls.size;
  }

  /** Memory that requests take which are being received, bytes. */
  get receivingBytes(): number {
    return this.#host.receiving.bytes;
  }

  /**
   * Listens on `host:port`; port 0 picks a free one.
   * @returns the address it listens on.
   * @throws Error when the address cannot be bound.
   */
  async start(
    address: string,
    credentials: ServerCredentials = ServerCredentials.createInsecure(),
  ): Promise<string> {
    await checkTransport();
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
  }

  /**
   * Goes down in order: NOT_SERVING; new calls are refused for `delayMs`; running streams end
   * with DRAINING; the rest may finish until `graceMs`; then everything is reset.
   */
  async drain({ delayMs, graceMs, hurry }: DrainOptions): Promise<void> {
    const { clock, calls } = this.#host;
    const hardMs = clock.monotonicMs() + graceMs;
    this.#draining = true;
    for (const service of this.#services) this.#health.setStatus(service, "NOT_SERVING");
    await sleep(clock, Math.min(delayMs, graceMs), hurry).catch(() => undefined);
    for (const call of calls) if (call.streamsResponses) call.fail(draining());
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const quiet = closed.then(() => this.#settled());
    const giveUp = new AbortController();
    const signal = AbortSignal.any([hurry, giveUp.signal]);
    const hard = sleep(clock, hardMs - clock.monotonicMs(), signal).catch(() => undefined);
    await Promise.race([quiet, hard]);
    giveUp.abort();
    await this.stop();
  }

  /** Ends everything now; waits for handlers to settle, 5 s at most. */
  async stop(): Promise<void> {
    this.#draining = true;
    const { calls, clock, handlers, logger } = this.#host;
    for (const call of [...calls]) endNow(call);
    this.#server.forceShutdown();
    const giveUp = new AbortController();
    const late = sleep(clock, SETTLE_MS_MAX, giveUp.signal).catch(() => undefined);
    await Promise.race([this.#settled(), late]);
    giveUp.abort();
    if (handlers.size > 0) {
      logger.error({ handlers: handlers.size }, "handlers did not obey their signal");
    }
  }

  async #settled(): Promise<void> {
    while (this.#host.handlers.size > 0) await Promise.allSettled(this.#host.handlers);
  }
}

function endNow(call: ServerCall): void {
  call.fail(draining());
  call.reset();
}

function draining(): HoldfastError {
  return new HoldfastError("DRAINING", "The process is shutting down. Go on after its restart.", {
    retryAfterMs: DRAINING_RETRY_MS,
  });
}
