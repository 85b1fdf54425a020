import { ArchiveError } from "@holdfast/archive";
import { HoldfastError, invalidField } from "@holdfast/core";
import { type ArchiveContents, isNewer, tellLeftOut, versionOf } from "./archive-contents.js";
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
 * @throws PROOF_INVALID when it is not complete; ARCHIVE_FORMAT_NEWER when a part of it is newer.
 */
export function completeChain(
  { snapshots, leftOut }: ArchiveContents,
  top: ArchivedSnapshot,
): Chain {
  const chain = chainOf(snapshots, top);
  if (chain !== null) return chain;
  const bases = snapshots.filter(({ version }) => version <= top.version).map(({ base }) => base);
  const newer = leftOut.find(({ file, error }) => {
    const version = versionOf(file);
    return isNewer(error) && bases.some((base) => base?.version === version);
  });
  if (newer !== undefined) throw newer.error;
  throw new HoldfastError(
    "PROOF_INVALID",
    `A snapshot that ${top.name} builds on is not in the archive, or damaged. ` +
      "Run `holdfast verify`, or take an older version.",
    { metadata: { snapshot: top.name } },
  );
}

/**
 * The chain that a wish means.
 * @throws like `chooseWhole` and `completeChain`.
 */
export function chooseChain(
  contents: ArchiveContents,
  wish: StateWish,
  onNotice?: (text: string) => void,
): Chain {
  return completeChain(contents, chooseWhole(contents, wish, onNotice));
}

/**
 * The snapshot that a wish means. A manifest that is left out is told, unless it may be of the very
 * state that is wanted: an older one is never taken silently in its place.
 * @throws DamageError, ARCHIVE_FORMAT_NEWER, and like `chooseTop`.
 */
export function chooseWhole(
  { snapshots, leftOut }: ArchiveContents,
  wish: StateWish,
  onNotice?: (text: string) => void,
): ArchivedSnapshot {
  const [first] = leftOut;
  if (snapshots.length === 0 && first !== undefined) throw first.error;
  const top = chooseTop(snapshots, wish);
  for (const each of leftOut) {
    const version = versionOf(each.file);
    const isBeyond = version !== null && wish.toVersion !== undefined && version > wish.toVersion;
    if (!isBeyond && (version === null || version > top.version)) throw each.error;
    onNotice?.(tellLeftOut(each));
  }
  return top;
}

/**
 * The snapshot that a wish means: the newest of the history made last that has one at or below the
 * version (its parents' up to the fork count), unless a history is named.
 * @throws SNAPSHOT_NOT_FOUND when nothing fits.
 */
function chooseTop(snapshots: readonly ArchivedSnapshot[], wish: StateWish): ArchivedSnapshot {
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
