import type { types } from "@holdfast/api";
import { EMPTY_HASH, EMPTY_LOG_ROOT } from "@holdfast/merkle";
import { logRootAt } from "../state/log-proofs.js";
import type { History, StoreReader } from "../state/state-reader.js";
import { checkpointAt } from "../state/versions.js";
import { timestampMessage } from "./state-messages.js";

/** There is one epoch until epochs can be ended. */
const EPOCH = 0n;

/** What a store holds, as on the wire. */
export function dbStateMessage(reader: StoreReader): types.DbState {
  const meta = reader.meta();
  if (meta.committed === null) return EMPTY_STORE;
  const { stateRoot, items, bytes } = checkpointAt(reader, meta.committed);
  return {
    ledgerId: meta.ledgerId ?? Buffer.alloc(0),
    committedVersion: meta.committed,
    stateRoot,
    logRoot: logRootAt(reader, meta.committed),
    items,
    bytes,
    epoch: EPOCH,
    commitTime: timestampMessage(meta.timeUs),
    histories: meta.histories.map(historyMessage),
    oldestStateVersion: meta.oldestState,
    oldestTransactionVersion: meta.oldestTransaction,
    oldestJournalVersion: meta.oldestJournal,
  };
}

const EMPTY_STORE: types.DbState = {
  ledgerId: Buffer.alloc(0),
  committedVersion: undefined,
  stateRoot: EMPTY_HASH,
  logRoot: EMPTY_LOG_ROOT,
  items: 0n,
  bytes: 0n,
  epoch: EPOCH,
  commitTime: undefined,
  histories: [],
  oldestStateVersion: undefined,
  oldestTransactionVersion: undefined,
  oldestJournalVersion: undefined,
};

function historyMessage({ historyId, forkVersion }: History): types.History {
  return { historyId, forkVersion: forkVersion ?? undefined };
}
