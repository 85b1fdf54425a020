import { credentials, type ServiceError } from "@grpc/grpc-js";
import { backup, lease, restore, storage } from "@holdfast/api";
import { fromServiceError } from "@holdfast/rpc";

/** Generated clients of one service process. */
export interface Clients {
  readonly storage: storage.StorageServiceClient;
  readonly backup: backup.BackupServiceClient;
  readonly lease: lease.LeaseServiceClient;
  readonly restore: restore.RestoreServiceClient;
  close(): void;
}

/** Clients for the services at `address`. */
export function clientsOf(address: string): Clients {
  const insecure = credentials.createInsecure();
  const all = {
    storage: new storage.StorageServiceClient(address, insecure),
    backup: new backup.BackupServiceClient(address, insecure),
    lease: new lease.LeaseServiceClient(address, insecure),
    restore: new restore.RestoreServiceClient(address, insecure),
  };
  return {
    ...all,
    close: () => {
      for (const client of Object.values(all)) client.close();
    },
  };
}

type Unary<Request, Response> = (
  request: Request,
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Calls a unary method of a generated client. @throws HoldfastError as the server sent it. */
export function unary<Request, Response>(
  client: object,
  method: Unary<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method.call(client, request, (error: ServiceError | null, response: Response) => {
      if (error === null) resolve(response);
      else reject(fromServiceError(error));
    });
  });
}

/** One operation of a block: a key and its value, or null to delete it. */
export type Write = readonly [key: string | Buffer, value: string | Buffer | null];

/** A block of one transaction for each list of writes. */
export function block(
  transactions: readonly (readonly Write[])[],
  options: { requestId?: string; expectedFirstVersion?: bigint } = {},
): storage.CommitBlockRequest {
  return {
    transactions: transactions.map((writes) => ({
      payload: Buffer.from("payload"),
      writeSet: writes.map(([key, value]) => ({
        op:
          value === null
            ? { $case: "delete", value: Buffer.from(key) }
            : { $case: "put", value: { key: Buffer.from(key), value: Buffer.from(value) } },
      })),
      events: [Buffer.from("event")],
    })),
    expectedFirstVersion: options.expectedFirstVersion,
    requestId: options.requestId ?? "",
  };
}

/** Commits a block of one transaction for each list of writes. */
export function commit(
  clients: Clients,
  transactions: readonly (readonly Write[])[],
  options: { requestId?: string; expectedFirstVersion?: bigint } = {},
): Promise<storage.CommitBlockResponse> {
  return unary<storage.CommitBlockRequest, storage.CommitBlockResponse>(
    clients.storage,
    clients.storage.commitBlock,
    block(transactions, options),
  );
}

/** Acquires a lease; shared unless told otherwise. */
export async function acquire(
  clients: Clients,
  kind: lease.LeaseKind = lease.LeaseKind.SHARED,
): Promise<lease.Lease> {
  const answer = await unary<lease.AcquireLeaseRequest, lease.AcquireLeaseResponse>(
    clients.lease,
    clients.lease.acquireLease,
    {
      kind,
      holderLabel: "test",
      purpose: "test",
      ttl: { seconds: 300n, nanos: 0 },
      pin: undefined,
      requestId: "",
    },
  );
  if (answer.lease === undefined) throw new Error("the answer has no lease");
  return answer.lease;
}

/** What a store holds, asked of storage or a gateway. */
export async function dbState(
  clients: Clients,
): Promise<NonNullable<backup.GetDbStateResponse["state"]>> {
  const answer = await unary<backup.GetDbStateRequest, backup.GetDbStateResponse>(
    clients.backup,
    clients.backup.getDbState,
    {},
  );
  if (answer.state === undefined) throw new Error("the answer has no state");
  return answer.state;
}
