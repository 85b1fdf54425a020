import { HoldfastError } from "@holdfast/core";
import { type BeginRequest, planHead, totalsOf } from "./begin-request.js";
import { PlanCheck } from "./plan-check.js";
import type { PlanTile } from "./plan-row.js";
import { sameName } from "./replace-rule.js";
import type { RestoreSession } from "./restore-session.js";

/**
 * Insists that a begin is the one which made or adopted a restore, to its last tile.
 * @throws REQUEST_ID_REUSED when it is another; PROOF_INVALID for tiles that are no plan; the
 * signal's reason.
 */
export async function checkRepeatedBegin(
  session: RestoreSession,
  request: BeginRequest,
  tiles: AsyncIterable<readonly PlanTile[]>,
  signal: AbortSignal,
): Promise<void> {
  const head = planHead(request.plan);
  if (!head.equals(planHead(session.plan))) throw requestIdReused(request);
  const check = new PlanCheck(totalsOf(request.plan), head);
  for await (const some of tiles) {
    signal.throwIfAborted();
    for (const tile of some) check.add(tile);
  }
  signal.throwIfAborted();
  checkSameBegin(session, request, check.finish());
}

/** The same for a plan whose digest is known. @throws REQUEST_ID_REUSED. */
export function checkSameBegin(
  session: RestoreSession,
  request: BeginRequest,
  digest: Buffer,
): void {
  if (session.plan.digest.equals(digest) && sameName(session.live, request.live)) return;
  throw requestIdReused(request);
}

function requestIdReused({ requestId }: BeginRequest): HoldfastError {
  return new HoldfastError(
    "REQUEST_ID_REUSED",
    `Request id ${requestId} was used for another restore. Use a new one.`,
    { metadata: { request_id: requestId } },
  );
}
