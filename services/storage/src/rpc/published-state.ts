import type { types } from "@holdfast/api";
import { stateRootProofLogRoot } from "@holdfast/merkle";
import { publishedHistories, type RestoreSession } from "../restore/restore-session.js";
import { timestampMessage } from "./state-messages.js";

/** What the store held when a restore was published: the same however often it is asked. */
export function publishedState(session: RestoreSession): types.DbState {
  const { ledgerId, info, logSiblings, items, bytes } = session.plan;
  return {
    ledgerId,
    committedVersion: info.version,
    stateRoot: info.stateRoot ?? Buffer.alloc(0),
    logRoot: stateRootProofLogRoot(info, logSiblings),
    items,
    bytes,
    epoch: 0n,
    commitTime: timestampMessage(info.commitTimeUs),
    histories: publishedHistories(session).map(({ historyId, forkVersion }) => ({
      historyId,
      forkVersion: forkVersion ?? undefined,
    })),
    oldestStateVersion: info.version,
    oldestTransactionVersion: info.version + 1n,
    oldestJournalVersion: info.version,
  };
}
