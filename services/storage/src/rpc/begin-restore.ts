import type { restore as wire } from "@holdfast/api";
import { invalidField, limits } from "@holdfast/core";
import type { CallContext } from "@holdfast/rpc";
import type { PlanTile } from "../restore/plan-row.js";
import type { Restorer } from "../restore/restorer.js";
import { headOf } from "./head-of.js";
import { outOfOrder, parseBeginHead, parseTile } from "./restore-messages.js";

/** BeginRestore: one head, then the tiles of the plan. */
export async function beginRestore(
  restorer: Restorer,
  requests: AsyncIterable<wire.BeginRestoreRequest>,
  { signal }: CallContext,
): Promise<wire.BeginRestoreResponse> {
  const { head, rest } = await headOf(requests, ({ part }) =>
    part?.$case === "head" ? part.value : null,
  );
  const { sessionId, adopted, tilesDone } = await restorer.begin(
    parseBeginHead(head),
    tilesOf(rest),
    signal,
  );
  return { sessionId, adopted, tilesDone: BigInt(tilesDone) };
}

/** Most tiles in a message: what 128 KiB can hold. */
const MESSAGE_TILES_MAX: number = limits.GATEWAY_RECEIVE_BYTES_MAX / 16;

async function* tilesOf(
  requests: AsyncIterable<wire.BeginRestoreRequest>,
): AsyncGenerator<readonly PlanTile[], void, undefined> {
  for await (const { part } of requests) {
    if (part?.$case !== "tiles") throw outOfOrder("tiles");
    const { tiles } = part.value;
    if (tiles.length > MESSAGE_TILES_MAX) throw invalidField("tiles", "a message of 128 KiB");
    yield tiles.map(parseTile);
  }
}
