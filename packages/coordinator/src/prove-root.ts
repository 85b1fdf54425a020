import type { backup } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { checkRootProof, type LogAnchor, otherLine, type ProvedRoot } from "./root-proof.js";

/** Calls GetStateRootProof. */
export type AskRootProof = (
  request: backup.GetStateRootProofRequest,
) => Promise<backup.GetStateRootProofResponse>;

/**
 * Proves the root of a version, and that the log of the archive's newest snapshot is a prefix of
 * the store's: also where that snapshot is of a later version than the one wanted.
 * @throws PROOF_INVALID when it is not shown; VERSION_PRUNED when the store can no longer show it.
 */
export async function proveRoot(
  version: bigint,
  newest: LogAnchor | null,
  ask: AskRootProof,
): Promise<ProvedRoot> {
  const earlier = newest !== null && newest.version <= version ? newest : null;
  const root = await proveOne(version, earlier, ask);
  if (newest !== null && newest !== earlier) await proveLeadsTo(newest, root, ask);
  return root;
}

/** Whether the archive's newest snapshot of the store's history is of a version it does not have. */
export function isBehind(
  committed: bigint | undefined,
  newest: { readonly version: bigint } | null,
): newest is { readonly version: bigint } {
  return newest !== null && (committed === undefined || newest.version > committed);
}

/**
 * A store never loses versions of a history by itself: it was put back from a copy of its files.
 * @param newest the archive's newest snapshot of the store's history.
 * @throws VERSION_NOT_COMMITTED when the store is behind it.
 */
export function requireNotBehind(
  committed: bigint | undefined,
  newest: { readonly version: bigint } | null,
): void {
  if (!isBehind(committed, newest)) return;
  const { version } = newest;
  throw new HoldfastError(
    "VERSION_NOT_COMMITTED",
    `The archive has version ${version} of this history, the store only ${committed ?? "none"}: ` +
      "versions were lost. Restore the store from this archive, or use another archive for it.",
    { metadata: { version: `${version}`, committed_version: `${committed ?? ""}` } },
  );
}

async function proveOne(
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

/** Shows that the log of `root` goes on to the one that the archive holds of a later version. */
async function proveLeadsTo(later: LogAnchor, root: LogAnchor, ask: AskRootProof): Promise<void> {
  const { version } = later;
  try {
    const answer = await ask({ version, extendsVersion: root.version });
    if (checkRootProof(answer, version, root).logRoot.equals(later.logRoot)) return;
  } catch (error) {
    // The archive's version is a checkpoint of its own line.
    const isOther = error instanceof HoldfastError && error.reason === "NOT_A_CHECKPOINT";
    if (!isOther) throw error;
  }
  throw otherLine(version);
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
