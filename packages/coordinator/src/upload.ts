import { restore } from "@holdfast/api";
import { limits, orderedConcurrency } from "@holdfast/core";
import { callClientStreaming } from "@holdfast/rpc/client";
import type { Gateways } from "./gateways.js";
import type { JobLease } from "./job-lease.js";
import type { Patience } from "./patience.js";
import { packUploadHead, packUploadPart } from "./upload-message.js";

/** A tile on its way into a store. */
export interface UploadTile {
  readonly path: string;
  /** Items and bytes, for progress. */
  readonly items: number;
  readonly bytes: number;
  readonly body: Buffer;
}

const METHOD = restore.RestoreServiceService.uploadStateTiles;
const identity = (bytes: Buffer): Buffer => bytes;

/** What uploads work with. */
export interface UploadDependencies {
  readonly gateways: Gateways;
  readonly patience: Patience;
  readonly lease: JobLease;
  readonly sessionId: string;
}

/**
 * Uploads tiles: at most 4 MiB a call, at most 4 calls at a time. Yields each call's tiles, in
 * order, when they are durable. A call that breaks off is made again: what had arrived is not
 * written twice.
 *
 * The calls send one after the other and wait for the disk together. If all of them sent at once
 * they would also end at once, and the store would wait for the next four to be read and sent.
 * @throws HoldfastError as the server sent it; every call has ended before.
 */
export function uploadTiles(
  tiles: AsyncIterable<UploadTile>,
  dependencies: UploadDependencies,
): AsyncGenerator<readonly UploadTile[], void, undefined> {
  const { lease, patience } = dependencies;
  /** Resolves when the call that was begun last has sent all, or has ended. */
  let sending: Promise<void> = Promise.resolve();
  const uploadInTurn = async (batch: readonly UploadTile[], signal: AbortSignal): Promise<void> => {
    const before = sending;
    let sent = (): void => undefined;
    sending = new Promise((resolve) => {
      sent = resolve;
    });
    try {
      // It obeys the same signal.
      await before;
      await uploadOnce(batch, sent, signal, dependencies);
    } finally {
      sent();
    }
  };
  return orderedConcurrency(
    batches(tiles),
    limits.UPLOAD_STREAMS_MAX,
    async (batch, signal) => {
      await patience.retry(() => uploadInTurn(batch, signal), signal);
      return batch;
    },
    lease.signal,
  );
}

async function uploadOnce(
  batch: readonly UploadTile[],
  sent: () => void,
  signal: AbortSignal,
  { gateways, lease, sessionId }: UploadDependencies,
): Promise<void> {
  const used = gateways.current;
  try {
    await callClientStreaming<Buffer, restore.UploadStateTilesResponse>(
      (metadata, options, callback) =>
        used.restore.makeClientStreamRequest(
          METHOD.path,
          identity,
          METHOD.responseDeserialize,
          metadata,
          options,
          (error, response) => callback(error, response as restore.UploadStateTilesResponse),
        ),
      requestsOf(
        batch,
        { sessionId, leaseId: lease.leaseId, fencingToken: lease.fencingToken },
        sent,
      ),
      {
        signal,
        timeoutMs: gateways.timeoutMs,
        metadata: gateways.metadata,
        endpoint: used.endpoint,
      },
    );
  } catch (error) {
    gateways.noteFailure(error, used);
    throw error;
  }
}

function* requestsOf(
  batch: readonly UploadTile[],
  head: restore.UploadStateTilesHead,
  sent: () => void,
): Generator<Buffer> {
  yield packUploadHead(head);
  for (const { path, body } of batch) {
    let at = 0;
    do {
      const end = Math.min(body.length, at + limits.UPLOAD_PART_BYTES_MAX);
      const last = end === body.length;
      yield packUploadPart({ path, data: body.subarray(at, end), last });
      at = end;
    } while (at < body.length);
  }
  sent();
}

/** Gathers consecutive tiles up to the bound of a call. */
async function* batches(
  tiles: AsyncIterable<UploadTile>,
): AsyncGenerator<readonly UploadTile[], void, undefined> {
  let batch: UploadTile[] = [];
  let bytes = 0;
  for await (const tile of tiles) {
    if (batch.length > 0 && bytes + tile.body.length > limits.UPLOAD_BYTES_MAX) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(tile);
    bytes += tile.body.length;
  }
  if (batch.length > 0) yield batch;
}
