import { once } from "node:events";
import { type ClientReadableStream, credentials } from "@grpc/grpc-js";
import { backup, lease } from "@holdfast/api";

const OPTIONS = {
  "grpc-node.flow_control_window": 4 * 2 ** 20,
  "grpc.use_local_subchannel_pool": 1,
} as const;

/** A reader of a gateway that counts bytes and drops them. */
export class StreamClient {
  readonly #leases: lease.LeaseServiceClient;
  readonly #address: string;
  readonly #windowBytes: number;
  readonly #raw: backup.BackupServiceClient;

  constructor(address: string, windowBytes: number = OPTIONS["grpc-node.flow_control_window"]) {
    this.#address = address;
    this.#windowBytes = windowBytes;
    this.#leases = new lease.LeaseServiceClient(address, credentials.createInsecure());
    this.#raw = this.#connect();
  }

  /** Acquires a shared lease on the newest version with the longest TTL. */
  async acquire(): Promise<string> {
    const answer = await new Promise<lease.AcquireLeaseResponse>((resolve, reject) =>
      this.#leases.acquireLease(
        {
          kind: lease.LeaseKind.SHARED,
          holderLabel: "bench",
          purpose: "measure",
          ttl: { seconds: 300n, nanos: 0 },
          pin: undefined,
          requestId: "",
        },
        (error, response) => (error === null ? resolve(response) : reject(error)),
      ),
    );
    return answer.lease?.leaseId ?? "";
  }

  release(leaseId: string): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#leases.releaseLease({ leaseId }, (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
  }

  /** Opens a snapshot stream whose frames stay bytes. */
  open(leaseId: string): ClientReadableStream<Buffer> {
    const request = {
      version: undefined,
      leaseId,
      expectedHistoryId: Buffer.alloc(0),
      expectedRoot: Buffer.alloc(0),
      resumeAfter: "",
      withProofs: false,
    };
    return this.#raw.makeServerStreamRequest(
      "/holdfast.backup.v1.BackupService/StreamStateSnapshot",
      (value: backup.StreamStateSnapshotRequest) =>
        Buffer.from(backup.StreamStateSnapshotRequest.encode(value).finish()),
      (bytes: Buffer) => bytes,
      request,
    );
  }

  /** Reads a whole snapshot. @returns seconds, bytes and items as its trailer says. */
  async drain(leaseId: string): Promise<{ seconds: number; bytes: number; items: number }> {
    const start = performance.now();
    let bytes = 0;
    let last: Buffer = Buffer.alloc(0);
    const call = this.open(leaseId);
    call.on("data", (frame: Buffer) => {
      last = frame;
      bytes += frame.length;
    });
    await once(call, "end");
    const part = backup.StreamStateSnapshotResponse.decode(last).part;
    if (part?.$case !== "trailer") throw new Error("the stream ended without its trailer");
    const seconds = (performance.now() - start) / 1000;
    return { seconds, bytes, items: Number(part.value.items) };
  }

  close(): void {
    this.#leases.close();
    this.#raw.close();
  }

  #connect(): backup.BackupServiceClient {
    return new backup.BackupServiceClient(this.#address, credentials.createInsecure(), {
      ...OPTIONS,
      "grpc-node.flow_control_window": this.#windowBytes,
    });
  }
}
