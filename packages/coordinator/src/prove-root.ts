import type { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { checkRootProof, type LogAnchor, type ProvedRoot } from "./root-proof.js";

/** Calls GetStateRootProof. */
export type AskRootProof = (
  request: backup.GetStateRootProofRequest,
) => Promise<backup.GetStateRootProofResponse>;

/**
 * Proves the root of a version, and that the log of the archive's newest snapshot is a prefix of
 * the store's.
 * @throws PROOF_INVALID when it is not shown; VERSION_PRUNED when the store can no longer show it.
 */
export async function proveRoot(
  version: bigint,
  newest: LogAnchor | null,
  ask: AskRootProof,
): Promise<ProvedRoot> {
  try {
    const answer = await ask({ version, extendsVersion: newest?.version });
    return checkRootProof(answer, version, newest);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.reason !== "VERSION_PRUNED") throw error;
    const isLog = newest !== null && newest.version < version && names(error, newest.version);
    throw isLog ? logNotKept(newest, error) : stateNotKept(error);
  }
}

function names({ metadata }: HoldfastError, version: bigint): boolean {
  return metadata["version"] === `${version}`;
}

function logNotKept({ version }: LogAnchor, cause: HoldfastError): HoldfastError {
  return new HoldfastError(
    "VERSION_PRUNED",
    `The store cannot show that its log goes on from the archive's newest snapshot, version ${version}: ` +
      "a restore brought it in at a later version, and its log before that is not kept. Nothing " +
      "was written. Use the archive it was restored from, or a new one.",
    { metadata: cause.metadata, cause },
  );
}

function stateNotKept(cause: HoldfastError): HoldfastError {
  return new HoldfastError(
    "VERSION_PRUNED",
    `${cause.message} Nothing was written. Back up a newer version.`,
    { metadata: cause.metadata, cause },
  );
}
