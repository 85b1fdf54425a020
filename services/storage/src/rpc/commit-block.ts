import type { storage } from "@holdfast/api";
import type { CallContext } from "@holdfast/rpc";
import type { Committer } from "../ledger/committer.js";
import { timestampMessage } from "./state-messages.js";

/** CommitBlock: the request goes to the committer as bytes. */
export async function commitBlock(
  committer: Committer,
  request: Buffer,
  { signal }: CallContext,
): Promise<storage.CommitBlockResponse> {
  const answer = await committer.commit(request, signal);
  const { firstVersion, committedVersion, stateRoot, logRoot, commitTimeUs } = answer;
  const { ledgerId, historyId, repeatedRequest } = answer;
  return {
    firstVersion,
    committedVersion,
    stateRoot,
    logRoot,
    commitTime: timestampMessage(commitTimeUs),
    ledgerId,
    historyId,
    repeatedRequest,
  };
}
