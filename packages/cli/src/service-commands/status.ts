import type { types } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import type { CommandContext } from "../command-context.js";
import { humanBytes } from "../human-bytes.js";
import type { Plain } from "../plain.js";
import { dateOf } from "../times.js";
import { connectStorage } from "./connection.js";

/** What `holdfast status` does. */
export async function runStatus(context: CommandContext): Promise<undefined> {
  const storage = connectStorage(context);
  try {
    const { state } = await storage.call(storage.client.getDbState, {});
    if (state === undefined) throw new HoldfastError("INTERNAL", "The answer has no state.");
    context.output.result(statusOf(state), linesOf(state));
  } finally {
    storage.close();
  }
  return undefined;
}

/** What a store holds, as commands print it. */
export function statusOf(state: types.DbState): { readonly [key: string]: Plain } {
  return {
    ledger_id: state.ledgerId.length === 0 ? null : state.ledgerId,
    committed_version: state.committedVersion ?? null,
    state_root: state.stateRoot,
    log_root: state.logRoot,
    items: state.items,
    bytes: state.bytes,
    epoch: state.epoch,
    commit_time: dateOf(state.commitTime),
    histories: state.histories.map(({ historyId, forkVersion }) => ({
      history_id: historyId,
      fork_version: forkVersion ?? null,
    })),
    oldest_state_version: state.oldestStateVersion ?? null,
    oldest_transaction_version: state.oldestTransactionVersion ?? null,
    oldest_journal_version: state.oldestJournalVersion ?? null,
  };
}

function linesOf(state: types.DbState): string[] {
  const roots = [
    `state root         ${state.stateRoot.toString("hex")}`,
    `log root           ${state.logRoot.toString("hex")}`,
  ];
  if (state.committedVersion === undefined) return ["The store is empty.", ...roots];
  return [
    `ledger             ${state.ledgerId.toString("hex")}`,
    `history            ${state.histories[0]?.historyId.toString("hex") ?? ""}`,
    `committed version  ${state.committedVersion}`,
    `committed          ${dateOf(state.commitTime)?.toISOString() ?? ""}`,
    ...roots,
    `items              ${state.items.toLocaleString("en")} (${humanBytes(Number(state.bytes))})`,
    `oldest state       ${state.oldestStateVersion ?? ""}`,
  ];
}
