import { join } from "node:path";
import { type backup, storage } from "@holdfast/api";
import { type Service, startGateway, startStorage } from "../support/processes.js";
import { key, value } from "./records.js";
import { batches, RawClient, sendAll } from "./unary.js";

/** Lines of a log that are shown with an error. */
const SHOWN_LOG_LINES = 20;

/** What a stream's request needs to name. */
export type SnapshotRequest = backup.StreamStateSnapshotRequest;

/** A storage and a gateway process in front of it. */
export class Pair {
  readonly storage: Service;
  readonly gateway: Service;

  private constructor(storageService: Service, gateway: Service) {
    this.storage = storageService;
    this.gateway = gateway;
  }

  static async start(folder: string, name: string): Promise<Pair> {
    const storageService = await startStorage(join(folder, name));
    return new Pair(storageService, await startGateway(storageService.listen));
  }

  /**
   * Commits records [from, to), one transaction of `size` puts a block. The time it takes to make
   * the requests, some of them at a time, does not count.
   * @param order numbers of the records that are meant; without it, 0, 1, 2 and so on.
   * @returns seconds.
   */
  async commit(
    from: number,
    to: number,
    size: number,
    round: number,
    width: number,
    order?: Uint32Array,
  ): Promise<number> {
    const client = new RawClient(this.storage.listen);
    try {
      let seconds = 0;
      for (const requests of batches(from, to, size, (a, b) => blockOf(a, b, round, order))) {
        seconds += await sendAll(client, COMMIT_BLOCK, requests, width);
      }
      return seconds;
    } catch (cause) {
      // Why storage refused is in its log, and nowhere else.
      const log = this.storage.log.slice(-SHOWN_LOG_LINES).join("\n");
      throw new Error(`A block was not committed. Storage logged last:\n${log}`, { cause });
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    await this.gateway.end("SIGTERM");
    await this.storage.end("SIGTERM");
  }
}

export const COMMIT_BLOCK = "/holdfast.storage.v1.StorageService/CommitBlock";

/** An encoded block of one transaction that puts records [from, to), or those that `order` names. */
export function blockOf(from: number, to: number, round: number, order?: Uint32Array): Buffer {
  const writeSet: storage.WriteOp[] = [];
  for (let at = from; at < to; at++) {
    const index = order?.[at] ?? at;
    writeSet.push({ op: { $case: "put", value: { key: key(index), value: value(index, round) } } });
  }
  return Buffer.from(
    storage.CommitBlockRequest.encode({
      transactions: [{ payload: Buffer.alloc(0), writeSet, events: [] }],
      expectedFirstVersion: undefined,
      requestId: "",
    }).finish(),
  );
}
