import type { storage } from "@holdfast/api";
import type { CallContext } from "@holdfast/rpc";
import type { Pruner } from "../ledger/pruner.js";

/** Prune: drops what is older than asked; answered when the rows are gone. */
export async function prune(
  pruner: Pruner,
  request: storage.PruneRequest,
  { signal }: CallContext,
): Promise<storage.PruneResponse> {
  const target = {
    state: request.oldestStateVersion ?? null,
    transaction: request.oldestTransactionVersion ?? null,
    journal: request.oldestJournalVersion ?? null,
  };
  const { oldest, rowsRemoved, limitedByLease } = await pruner.prune(target, signal);
  return {
    oldestStateVersion: oldest.state,
    oldestTransactionVersion: oldest.transaction,
    oldestJournalVersion: oldest.journal,
    rowsRemoved: BigInt(rowsRemoved),
    limitedByLease,
  };
}
