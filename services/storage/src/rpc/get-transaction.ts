import { storage } from "@holdfast/api";
import { HoldfastError, invalidField } from "@holdfast/core";
import { inclusionProof } from "@holdfast/merkle";
import type { LiveGeneration } from "../engine/live-generation.js";
import { logNodesOf, logRootAt } from "../state/log-proofs.js";
import { committedVersion, infoAt } from "../state/versions.js";
import { readLive } from "./read-live.js";
import { infoMessage } from "./state-messages.js";

/** GetTransaction: an entry of the ledger, proved against a log root. */
export function getTransaction(
  live: LiveGeneration,
  request: storage.GetTransactionRequest,
): storage.GetTransactionResponse {
  const { version } = request;
  return readLive(live, (reader) => {
    const meta = reader.meta();
    committedVersion(meta, version);
    const logVersion = committedVersion(meta, request.logVersion ?? null);
    if (logVersion < version) throw invalidField("log_version", "it is older than the version");
    const info = infoAt(reader, version);
    // What is below `oldest` may still be there, half removed.
    const bytes = version < meta.oldestTransaction ? null : reader.transaction(version);
    return {
      transaction: bytes === null ? undefined : decode(version, bytes),
      info: infoMessage(info),
      logSiblings: inclusionProof(version, logVersion + 1n, logNodesOf(reader)),
      logVersion,
      logRoot: logRootAt(reader, logVersion),
    };
  });
}

/** @throws ROW_CORRUPT */
function decode(version: bigint, bytes: Buffer): storage.Transaction {
  try {
    return storage.Transaction.decode(bytes);
  } catch (cause) {
    const message = `The transaction of version ${version} does not parse. Run fsck.`;
    throw new HoldfastError("ROW_CORRUPT", message, { cause });
  }
}
