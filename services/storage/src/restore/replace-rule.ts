import { HoldfastError } from "@holdfast/core";
import { EMPTY_HASH } from "@holdfast/merkle";
import type { LiveState } from "./ports.js";
import type { LiveName, RestorePlan } from "./restore-session.js";

/** The name of a live state, as a caller of begin must give it. */
export function liveName(live: LiveState): LiveName {
  return {
    historyId: live.histories[0]?.historyId ?? null,
    committed: live.committed,
    stateRoot: live.committed === null ? EMPTY_HASH : live.stateRoot,
  };
}

/** Whether two names are of the same live state. */
export function sameName(a: LiveName, b: LiveName): boolean {
  return (
    a.committed === b.committed &&
    a.stateRoot.equals(b.stateRoot) &&
    (a.historyId === null
      ? b.historyId === null
      : b.historyId !== null && a.historyId.equals(b.historyId))
  );
}

/** LEDGER_MISMATCH when the store holds another ledger: it is never turned into another one. */
export function checkLedger(live: LiveState, ledgerId: Buffer): void {
  if (live.ledgerId === null || live.ledgerId.equals(ledgerId)) return;
  throw new HoldfastError(
    "LEDGER_MISMATCH",
    `The store holds ledger ${live.ledgerId.toString("hex")}, the backup is of ` +
      `${ledgerId.toString("hex")}. Use the right pair.`,
    {
      metadata: {
        store_ledger_id: live.ledgerId.toString("hex"),
        backup_ledger_id: ledgerId.toString("hex"),
      },
    },
  );
}

/** LIVE_STATE_CHANGED unless the live state is the one that was named. */
export function checkNamed(live: LiveState, named: LiveName): void {
  const current = liveName(live);
  if (sameName(current, named)) return;
  throw new HoldfastError(
    "LIVE_STATE_CHANGED",
    `The live store is at version ${text(current.committed)}, not as named at version ` +
      `${text(named.committed)}. Look at it again and begin anew.`,
    {
      metadata: {
        live_version: text(current.committed),
        live_history_id: current.historyId?.toString("hex") ?? "",
        live_state_root: current.stateRoot.toString("hex"),
        named_version: text(named.committed),
        named_history_id: named.historyId?.toString("hex") ?? "",
        named_state_root: named.stateRoot.toString("hex"),
      },
    },
  );
}

/**
 * LIVE_STATE_WOULD_BE_LOST when the live store has versions that the backup has not. Nothing is
 * lost when it is empty, or when its history is the backup's, or up to the fork a parent of it,
 * and its newest version is not above what both share.
 */
export function checkNothingLost(
  live: LiveState,
  plan: Pick<RestorePlan, "histories" | "info">,
): void {
  if (live.committed === null) return;
  const liveId = live.histories[0]?.historyId;
  let shared = plan.info.version;
  for (const { historyId, forkVersion } of plan.histories) {
    if (liveId !== undefined && historyId.equals(liveId)) {
      if (live.committed <= shared) return;
      break;
    }
    if (forkVersion !== null && forkVersion < shared) shared = forkVersion;
  }
  throw new HoldfastError(
    "LIVE_STATE_WOULD_BE_LOST",
    `The live store at version ${live.committed} has what the backup of version ` +
      `${plan.info.version} has not. Back it up first, or restore with --replace.`,
    {
      metadata: {
        live_version: `${live.committed}`,
        live_history_id: liveId?.toString("hex") ?? "",
        restored_version: `${plan.info.version}`,
      },
    },
  );
}

function text(version: bigint | null): string {
  return version === null ? "none" : `${version}`;
}
