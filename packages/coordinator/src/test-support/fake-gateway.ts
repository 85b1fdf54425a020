import { credentials, Metadata, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { backup, lease, restore } from "@holdfast/api";
import { GrpcServer, unary } from "@holdfast/rpc";
import { RecordingLogger } from "@holdfast/testing";
import { Gateways } from "../gateways.js";

type Handlers<S> = Partial<Record<keyof S, UntypedServiceImplementation[string]>>;

/** A gateway whose methods a test writes, and connections to it. */
export interface FakeGateway extends AsyncDisposable {
  readonly address: string;
  readonly gateways: Gateways;
}

/** Starts it on a free port; methods without a handler fail. */
export async function fakeGateway(
  handlers: Handlers<typeof backup.BackupServiceService> &
    Handlers<typeof lease.LeaseServiceService> &
    Handlers<typeof restore.RestoreServiceService>,
  timeoutMs = 10_000,
): Promise<FakeGateway> {
  const server = new GrpcServer({
    logger: new RecordingLogger(),
    receiveBytesMax: 128 * 1024,
    concurrentStreamsMax: 100,
  });
  const missing = unary(() => Promise.reject(new Error("not in this test")));
  for (const service of [
    backup.BackupServiceService,
    lease.LeaseServiceService,
    restore.RestoreServiceService,
  ]) {
    const given = handlers as Record<string, UntypedServiceImplementation[string] | undefined>;
    const all = Object.keys(service).map((name) => [name, given[name] ?? missing]);
    server.add(service, Object.fromEntries(all) as UntypedServiceImplementation);
  }
  const address = await server.start("127.0.0.1:0");
  const gateways = connect([address], timeoutMs);
  return {
    address,
    gateways,
    [Symbol.asyncDispose]: async () => {
      gateways.close();
      await server.stop();
    },
  };
}

/** Connections to these gateways. */
export function connect(addresses: readonly string[], timeoutMs = 10_000): Gateways {
  return new Gateways({
    addresses,
    credentials: credentials.createInsecure(),
    metadata: new Metadata(),
    timeoutMs,
  });
}
