import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

const identity = (bytes: Buffer): Buffer => bytes;
/** A store that does not fit into memory is slow when its pages are not there. */
const CALL_MS_MAX = 300_000;
const RECEIVE_BYTES_MAX = 64 * 2 ** 20;

/** Calls with bytes that were encoded before the clock ran. */
export class RawClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": RECEIVE_BYTES_MAX,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  call(path: string, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + CALL_MS_MAX;
      const metadata = new Metadata();
      const options = { deadline };
      const take = (error: ServiceError | null, answer?: Buffer): void => {
        if (error !== null) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      };
      this.#client.makeUnaryRequest(path, identity, identity, request, metadata, options, take);
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** Records whose requests are in memory at the same time. */
const BATCH_RECORDS = 1_000_000;

/** The requests for records [from, to), `size` in each, in batches that fit into memory. */
export function* batches(
  from: number,
  to: number,
  size: number,
  request: (from: number, to: number) => Buffer,
): Generator<Buffer[]> {
  for (let first = from; first < to; first += BATCH_RECORDS) {
    const requests: Buffer[] = [];
    const end = Math.min(first + BATCH_RECORDS, to);
    for (let at = first; at < end; at += size) requests.push(request(at, Math.min(at + size, end)));
    yield requests;
  }
}

/** Sends the requests in order, `width` at a time. @returns seconds it took. */
export async function sendAll(
  client: RawClient,
  path: string,
  requests: readonly Buffer[],
  width: number,
): Promise<number> {
  const start = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < requests.length; index = next++) {
      const request = requests[index];
      if (request !== undefined) await client.call(path, request);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return (performance.now() - start) / 1000;
}
