import { ArchiveError } from "@holdfast/archive";
import { HoldfastError, invalidField } from "@holdfast/core";
import { chainOf, newestUsable } from "./base-choice.js";
import { type HistoryLine, knownHistories } from "./histories.js";
import type { ArchivedSnapshot } from "./snapshot-view.js";

/** Which state of an archive is wanted. */
export interface StateWish {
  /** The newest snapshot at or below it; the newest of all by default. */
  readonly toVersion?: bigint | undefined;
  /** Lower-case hex of a history, or a beginning that only one has. */
  readonly history?: string | undefined;
}

/** A full snapshot and the deltas on it, up to the state that was chosen. */
export type Chain = readonly [ArchivedSnapshot, ...ArchivedSnapshot[]];

/**
 * The chain below a snapshot.
 * @throws PROOF_INVALID when it is not complete.
 */
export function completeChain(
  snapshots: readonly ArchivedSnapshot[],
  top: ArchivedSnapshot,
): Chain {
  const chain = chainOf(snapshots, top);
  if (chain !== null) return chain;
  throw new HoldfastError(
    "PROOF_INVALID",
    `A snapshot that ${top.name} builds on is not in the archive, or damaged. ` +
      "Run `holdfast verify`, or take an older version.",
    { metadata: { snapshot: top.name } },
  );
}

/**
 * The snapshot that a wish means: the newest of the history made last that has one at or below the
 * version (its parents' up to the fork count), unless a history is named.
 * @throws SNAPSHOT_NOT_FOUND when nothing fits.
 */
export function chooseTop(
  snapshots: readonly ArchivedSnapshot[],
  wish: StateWish,
): ArchivedSnapshot {
  const version = wish.toVersion ?? null;
  const lines = knownHistories(snapshots).filter((line) => isNamed(line, wish.history));
  if (wish.history !== undefined && lines.length > 1) {
    throw invalidField("history", `more than one history begins with ${wish.history}`);
  }
  if (wish.history !== undefined && lines.length === 0) {
    throw nothingFits(`No history of the archive begins with ${wish.history}.`, wish);
  }
  for (const line of lines) {
    const newest = newestUsable(snapshots, line, version);
    if (newest !== null) return newest;
  }
  const bound = version === null ? "" : ` at or below version ${version}`;
  throw nothingFits(`The archive has no snapshot${bound}.`, wish);
}

function isNamed(line: readonly HistoryLine[], history: string | undefined): boolean {
  return history === undefined || line[0]?.historyId.startsWith(history.toLowerCase()) === true;
}

function nothingFits(what: string, { toVersion, history }: StateWish): ArchiveError {
  const hint = "`holdfast archive ls` shows what it has.";
  return new ArchiveError("SNAPSHOT_NOT_FOUND", `${what} ${hint}`, {
    ...(toVersion === undefined ? {} : { to_version: `${toVersion}` }),
    ...(history === undefined ? {} : { history }),
  });
}
