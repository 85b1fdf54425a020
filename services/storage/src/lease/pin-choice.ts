import { HoldfastError, invalidField } from "@holdfast/core";
import type { AcquireRequest, Pin } from "./lease.js";
import type { LiveVersions } from "./ports.js";

/**
 * Chooses what a shared lease pins; null on an empty store when nothing is named. What was pruned
 * already may be named: the stream that needs it is told.
 * @throws INVALID_REQUEST, VERSION_NOT_COMMITTED, NOT_A_CHECKPOINT.
 */
export function choosePin(asked: AcquireRequest["pin"], live: LiveVersions): Pin | null {
  const bounds = live.bounds();
  const toVersion = asked.toVersion ?? bounds?.committed ?? null;
  const fromVersion = asked.fromVersion ?? toVersion;
  if (bounds === null || toVersion === null || fromVersion === null) {
    const named = asked.toVersion ?? asked.fromVersion;
    if (named === null) return null;
    throw notCommitted(named, null);
  }
  if (toVersion > bounds.committed) throw notCommitted(toVersion, bounds.committed);
  if (fromVersion > toVersion) {
    throw invalidField("pin.from_version", `${fromVersion} is above to_version ${toVersion}`);
  }
  if (toVersion >= bounds.oldestState) checkCheckpoint(toVersion, live);
  return { fromVersion, toVersion };
}

function checkCheckpoint(version: bigint, live: LiveVersions): void {
  if (live.isCheckpoint(version)) return;
  const { before, after } = live.checkpointsAround(version);
  throw new HoldfastError(
    "NOT_A_CHECKPOINT",
    `Version ${version} is not a checkpoint. Use the one before (${before ?? "none"}) or after ` +
      `(${after ?? "none"}).`,
    {
      metadata: {
        version: `${version}`,
        ...(before === null ? {} : { checkpoint_before: `${before}` }),
        ...(after === null ? {} : { checkpoint_after: `${after}` }),
      },
    },
  );
}

function notCommitted(version: bigint, committed: bigint | null): HoldfastError {
  return new HoldfastError(
    "VERSION_NOT_COMMITTED",
    `Version ${version} is not committed; the newest is ${committed ?? "none"}.`,
    {
      metadata: {
        version: `${version}`,
        ...(committed === null ? {} : { committed_version: `${committed}` }),
      },
    },
  );
}
