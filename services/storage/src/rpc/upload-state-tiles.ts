import type { restore as wire } from "@holdfast/api";
import type { CallContext } from "@holdfast/rpc";
import type { Restorer } from "../restore/restorer.js";
import type { TilePart } from "../restore/upload.js";
import { headOf } from "./head-of.js";
import { outOfOrder } from "./restore-messages.js";
import { decodeUploadMessage, type UploadMessage } from "./upload-message.js";

/** UploadStateTiles: one head, then the parts of whole tiles; encoded messages. */
export async function uploadStateTiles(
  restorer: Restorer,
  requests: AsyncIterable<Buffer>,
  { signal }: CallContext,
): Promise<wire.UploadStateTilesResponse> {
  const { head, rest } = await headOf(messagesOf(requests), (message) =>
    message.kind === "head" ? message.head : null,
  );
  const { sessionId, leaseId, fencingToken: token } = head;
  const parts = partsOf(rest);
  const { written, done } = await restorer.upload(sessionId, { leaseId, token }, parts, signal);
  return { tilesWritten: BigInt(written), tilesDone: BigInt(done) };
}

async function* messagesOf(
  requests: AsyncIterable<Buffer>,
): AsyncGenerator<UploadMessage, void, undefined> {
  for await (const request of requests) yield decodeUploadMessage(request);
}

async function* partsOf(
  messages: AsyncIterable<UploadMessage>,
): AsyncGenerator<TilePart, void, undefined> {
  for await (const message of messages) {
    if (message.kind !== "part") throw outOfOrder("tile_part");
    yield message.part;
  }
}
