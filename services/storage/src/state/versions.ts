import { HoldfastError } from "@holdfast/core";
import type { TransactionInfo } from "@holdfast/merkle";
import type { Checkpoint, StoreMeta, StoreReader } from "./state-reader.js";

/** The newest version. @throws STORE_EMPTY */
export function newestVersion(meta: StoreMeta): bigint {
  if (meta.committed !== null) return meta.committed;
  throw new HoldfastError("STORE_EMPTY", "The store has no block yet. Commit or restore first.");
}

/**
 * The version to read the state at; null is the newest.
 * @throws STORE_EMPTY, VERSION_NOT_COMMITTED, VERSION_PRUNED.
 */
export function stateVersion(meta: StoreMeta, version: bigint | null): bigint {
  const chosen = committedVersion(meta, version);
  if (chosen < meta.oldestState) throw versionPruned("state", chosen, meta.oldestState);
  return chosen;
}

/** A version of the log; null is the newest. @throws STORE_EMPTY, VERSION_NOT_COMMITTED. */
export function committedVersion(meta: StoreMeta, version: bigint | null): bigint {
  const newest = newestVersion(meta);
  if (version === null) return newest;
  if (version <= newest) return version;
  throw new HoldfastError(
    "VERSION_NOT_COMMITTED",
    `Version ${version} is not committed; the newest is ${newest}.`,
    { metadata: { version: `${version}`, committed_version: `${newest}` } },
  );
}

/** The checkpoint at a version that can be read. @throws NOT_A_CHECKPOINT */
export function checkpointAt(reader: StoreReader, version: bigint): Checkpoint {
  const checkpoint = reader.checkpoint(version);
  if (checkpoint !== null) return checkpoint;
  const { before, after } = reader.checkpointsAround(version);
  throw new HoldfastError(
    "NOT_A_CHECKPOINT",
    `Version ${version} lies inside a block. Checkpoints near it: ` +
      `${[before, after].filter((near) => near !== null).join(", ")}.`,
    {
      metadata: {
        version: `${version}`,
        ...(before === null ? {} : { checkpoint_before: `${before}` }),
        ...(after === null ? {} : { checkpoint_after: `${after}` }),
      },
    },
  );
}

/** The info of a committed version. @throws VERSION_PRUNED when it was never restored. */
export function infoAt(reader: StoreReader, version: bigint): TransactionInfo {
  const info = reader.info(version);
  if (info === null) throw versionPruned("log", version, reader.meta().oldestTransaction);
  return info;
}

/** The error for what was pruned, or is not there because a restore began later. */
export function versionPruned(what: string, version: bigint, oldest: bigint): HoldfastError {
  return new HoldfastError(
    "VERSION_PRUNED",
    `The ${what} of version ${version} is not kept; the oldest is ${oldest}.`,
    { metadata: { version: `${version}`, oldest: `${oldest}` } },
  );
}
