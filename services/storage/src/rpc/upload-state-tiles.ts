import type { restore as wire } from "@holdfast/api";
import type { CallContext } from "@holdfast/rpc";
import type { Restorer } from "../restore/restorer.js";
import type { TilePart } from "../restore/upload.js";
import { headOf } from "./head-of.js";
import { outOfOrder } from "./restore-messages.js";

/** UploadStateTiles: one head, then the parts of whole tiles. */
export async function uploadStateTiles(
  restorer: Restorer,
  requests: AsyncIterable<wire.UploadStateTilesRequest>,
  { signal }: CallContext,
): Promise<wire.UploadStateTilesResponse> {
  const { head, rest } = await headOf(requests, ({ part }) =>
    part?.$case === "head" ? part.value : null,
  );
  const { sessionId, leaseId, fencingToken: token } = head;
  const parts = partsOf(rest);
  const { written, done } = await restorer.upload(sessionId, { leaseId, token }, parts, signal);
  return { tilesWritten: BigInt(written), tilesDone: BigInt(done) };
}

async function* partsOf(
  requests: AsyncIterable<wire.UploadStateTilesRequest>,
): AsyncGenerator<TilePart, void, undefined> {
  for await (const { part } of requests) {
    if (part?.$case !== "tilePart") throw outOfOrder("tile_part");
    yield part.value;
  }
}
