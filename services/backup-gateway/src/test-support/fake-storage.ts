import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { backup, grpcHealthV1, lease, restore } from "@holdfast/api";
import { rawMethod } from "@holdfast/rpc";

/** A status as a script sends it. */
export interface FakeStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** A call that reached the fake storage. */
export class FakeCall {
  readonly path: string;
  readonly metadata: Metadata;
  /** How long the caller allowed, milliseconds. */
  readonly timeoutMs: number;
  /** When the caller took it back, `performance.now()`; null while it has not. */
  cancelledAtMs: number | null = null;
  /** True once the script of the call has ended it. */
  ended = false;

  constructor(path: string, call: { metadata: Metadata; getDeadline(): Date | number }) {
    this.path = path;
    this.metadata = call.metadata;
    this.timeoutMs = Number(call.getDeadline()) - Date.now();
  }

  /** The part of the path behind the last slash. */
  get method(): string {
    return this.path.slice(this.path.lastIndexOf("/") + 1);
  }

  /** Notes when the call is cancelled; grpc-js says so after a good end, too. */
  watch(call: { on(event: "cancelled", listener: () => void): unknown }): void {
    call.on("cancelled", () => {
      if (!this.ended) this.cancelledAtMs = performance.now();
    });
  }
}

/** A server stream; scripts write frames as bytes and end it any way they like. */
export class FakeStream extends FakeCall {
  readonly request: Buffer;
  /** Frames the transport took. */
  written = 0;
  readonly #call: ServerWritableStream<Buffer, Buffer>;

  constructor(path: string, call: ServerWritableStream<Buffer, Buffer>) {
    super(path, call);
    this.#call = call;
    this.request = call.request;
    this.watch(call);
  }

  /** Resolves when the transport took the frame; never when the call was cancelled. */
  async send(frame: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#call.write(frame, () => resolve()));
    this.written += 1;
  }

  /** Sends the same frame until the call is cancelled. */
  async sendForever(frame: Buffer): Promise<void> {
    while (this.cancelledAtMs === null) await this.send(frame);
  }

  end(): void {
    this.ended = true;
    this.#call.end();
  }

  fail(status: FakeStatus): void {
    this.ended = true;
    this.#call.emit("error", status);
  }
}

/** An upload; scripts read parts by hand. */
export class FakeUpload extends FakeCall {
  readonly #call: ServerReadableStream<Buffer, Buffer>;
  readonly #callback: sendUnaryData<Buffer>;

  constructor(
    path: string,
    call: ServerReadableStream<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ) {
    super(path, call);
    this.#call = call;
    this.#callback = callback;
    this.watch(call);
  }

  /** The parts as they come. */
  parts(): AsyncIterable<Buffer> {
    return this.#call;
  }

  answer(response: Buffer): void {
    this.ended = true;
    this.#callback(null, response);
  }

  fail(status: FakeStatus): void {
    this.ended = true;
    this.#callback(status);
  }
}

/** What the fake does with calls; tests replace what they are about. */
export interface Script {
  stream: (call: FakeStream) => void | Promise<void>;
  upload: (call: FakeUpload) => void | Promise<void>;
  /** @returns the answer; throws a FakeStatus. */
  unary: (request: Buffer, call: FakeCall) => Buffer | Promise<Buffer>;
}

const SERVICES = [
  backup.BackupServiceService,
  restore.RestoreServiceService,
  lease.LeaseServiceService,
];

/** A storage without data: it does what its script says, over a real socket. */
export class FakeStorage {
  readonly calls: FakeCall[] = [];
  readonly script: Script = {
    stream: (call) => call.fail({ code: 13, details: "no script" }),
    upload: (call) => call.fail({ code: 13, details: "no script" }),
    unary: () => Buffer.alloc(0),
  };
  serving = true;
  #server: Server = new Server();
  #address = "";

  /** Listens on a free port, or again on the one it had. */
  async start(): Promise<void> {
    this.#server = new Server({ "grpc.max_receive_message_length": 4 * 2 ** 20 });
    for (const service of SERVICES) this.#serve(service);
    this.#server.addService(grpcHealthV1.HealthService, {
      check: (_: unknown, callback: sendUnaryData<grpcHealthV1.HealthCheckResponse>) => {
        const { SERVING, NOT_SERVING } = grpcHealthV1.HealthCheckResponse_ServingStatus;
        callback(null, { status: this.serving ? SERVING : NOT_SERVING });
      },
      watch: () => undefined,
      list: () => undefined,
    } as UntypedServiceImplementation);
    const wanted = this.#address === "" ? "127.0.0.1:0" : this.#address;
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(wanted, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    this.#address = `127.0.0.1:${port}`;
  }

  get address(): string {
    return this.#address;
  }

  /** Streams that reached it, in order. */
  get streams(): readonly FakeStream[] {
    return this.calls.filter((call) => call instanceof FakeStream);
  }

  /** Uploads that reached it, in order. */
  get uploads(): readonly FakeUpload[] {
    return this.calls.filter((call) => call instanceof FakeUpload);
  }

  /** Dies: connections break, nothing is said. */
  kill(): void {
    this.#server.forceShutdown();
  }

  #serve(service: ServiceDefinition): void {
    const methods = Object.entries(service);
    const raw = methods.map(([name, method]) => [name, rawMethod(method)] as const);
    const handlers = raw.map(([name, method]) => [name, this.#handler(method)] as const);
    this.#server.addService(
      Object.fromEntries(raw),
      Object.fromEntries(handlers) as UntypedServiceImplementation,
    );
  }

  #handler({ path, requestStream, responseStream }: MethodDefinition<Buffer, Buffer>): unknown {
    if (responseStream) {
      return (call: ServerWritableStream<Buffer, Buffer>) => {
        const stream = new FakeStream(path, call);
        this.calls.push(stream);
        call.on("error", () => undefined);
        run(this.script.stream(stream));
      };
    }
    if (requestStream) {
      return (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        const upload = new FakeUpload(path, call, callback);
        this.calls.push(upload);
        call.on("error", () => undefined);
        run(this.script.upload(upload));
      };
    }
    return async (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      const unary = new FakeCall(path, call);
      this.calls.push(unary);
      unary.watch(call);
      try {
        const answer = await this.script.unary(call.request, unary);
        unary.ended = true;
        callback(null, answer);
      } catch (status) {
        unary.ended = true;
        callback(status as FakeStatus);
      }
    };
  }
}

/** Waits until a promise that nobody else awaits has settled: a cancelled script just ends. */
function run(script: void | Promise<void>): void {
  Promise.resolve(script).catch(() => undefined);
}

/** Metadata with one binary value. */
export function binaryMetadata(key: string, value: Buffer): Metadata {
  const metadata = new Metadata();
  metadata.set(key, value);
  return metadata;
}
