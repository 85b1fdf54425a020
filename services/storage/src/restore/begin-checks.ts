import { fenced } from "../lease/lease-errors.js";
import type { Lessor } from "../lease/lessor.js";
import type { Authority, BeginRequest } from "./begin-request.js";
import type { Generations, LiveStore } from "./ports.js";
import { checkLedger, checkNamed, checkNothingLost } from "./replace-rule.js";
import { diskLow } from "./restore-errors.js";
import type { RestoreSession } from "./restore-session.js";

/**
 * Insists that the caller of begin holds the exclusive lease. Whoever was granted it last, or owns
 * the restore under way, fences all before.
 * @throws FENCED, LEASE_*
 */
export async function checkHolder(
  lessor: Lessor,
  building: RestoreSession | null,
  { leaseId, token }: Authority,
): Promise<void> {
  const held = lessor.exclusiveToken;
  if (held !== null && held !== token) throw fenced(token, held);
  if (building !== null && token < building.ownerToken) throw fenced(token, building.ownerToken);
  await lessor.requireExclusive(leaseId, token);
}

/**
 * Insists that the live store is the one named, and that nothing of it is lost unasked.
 * @throws LEDGER_MISMATCH, LIVE_STATE_CHANGED, LIVE_STATE_WOULD_BE_LOST.
 */
export function checkLive(store: LiveStore, { plan, live, replace }: BeginRequest): void {
  const current = store.state();
  checkLedger(current, plan.ledgerId);
  checkNamed(current, live);
  if (!replace) checkNothingLost(current, plan);
}

/** Insists on room for one and a half times the plan. @throws DISK_LOW */
export async function checkDisk(
  generations: Generations,
  building: RestoreSession | null,
  { plan }: BeginRequest,
): Promise<void> {
  // What an unfinished restore takes is either a part of this one, or goes.
  const reused = building === null ? 0n : await generations.sizeBytes(building.generation);
  const free = await generations.freeBytes();
  const needed = (plan.bytes * 3n) / 2n;
  if (free + reused < needed) throw diskLow(free, needed);
}
