import { HoldfastError } from "@holdfast/core";

/** One history of a store or snapshot. */
export interface HistoryLine {
  /** Lower-case hex. */
  readonly historyId: string;
  /** The last version it shares with its parent, the next in the list; null for genesis. */
  readonly forkVersion: bigint | null;
}

/** What the choice of a history needs to know of a snapshot. */
export interface HistoricSnapshot {
  readonly version: bigint;
  /** The history it was taken on first, then its parents. */
  readonly histories: readonly HistoryLine[];
  /** When it was taken, RFC 3339 UTC. */
  readonly createdTime: string;
}

/**
 * Up to which version the snapshots of `historyId` belong to the line of these histories: "any" of
 * the current one, up to the lowest fork passed of a parent; null when it is none of them.
 */
export function usableUpTo(
  histories: readonly HistoryLine[],
  historyId: string,
): bigint | "any" | null {
  let bound: bigint | "any" = "any";
  for (const history of histories) {
    if (history.historyId === historyId) return bound;
    const { forkVersion } = history;
    // A history without a fork is genesis; nothing comes behind it.
    if (forkVersion === null) return null;
    bound = bound === "any" || forkVersion < bound ? forkVersion : bound;
  }
  return null;
}

/**
 * The histories that the snapshots of an archive tell of, each with its parents, the one made last
 * first. A history is made later than its parent; of two, neither of which is the other's parent,
 * the one whose first snapshot came later: a store is on one history at a time.
 */
export function knownHistories(snapshots: readonly HistoricSnapshot[]): (readonly HistoryLine[])[] {
  const lines = new Map<string, readonly HistoryLine[]>();
  const firstTaken = new Map<string, string>();
  for (const { histories, createdTime } of snapshots) {
    histories.forEach(({ historyId }, index) => {
      if (!lines.has(historyId)) lines.set(historyId, histories.slice(index));
    });
    const own = histories[0]?.historyId;
    const earliest = own === undefined ? undefined : firstTaken.get(own);
    if (own !== undefined && (earliest === undefined || createdTime < earliest)) {
      firstTaken.set(own, createdTime);
    }
  }
  const ordered: (readonly HistoryLine[])[] = [];
  while (lines.size > 0) {
    const last = lastMade([...lines.values()], firstTaken);
    ordered.push(last);
    lines.delete(last[0]?.historyId ?? "");
  }
  return ordered;
}

/** Of those that are nobody's parent, the one whose first snapshot came last. */
function lastMade(
  lines: readonly (readonly HistoryLine[])[],
  firstTaken: ReadonlyMap<string, string>,
): readonly HistoryLine[] {
  const parents = new Set(lines.flatMap((line) => line.slice(1).map((parent) => parent.historyId)));
  const timeOf = (line: readonly HistoryLine[]): string =>
    firstTaken.get(line[0]?.historyId ?? "") ?? "";
  const [first, ...others] = lines.filter((line) => !parents.has(line[0]?.historyId ?? ""));
  if (first === undefined) throw damagedHistories();
  return others.reduce((last, line) => (timeOf(line) > timeOf(last) ? line : last), first);
}

function damagedHistories(): HoldfastError {
  return new HoldfastError(
    "PROOF_INVALID",
    "Two histories of the archive are each other's parent.",
  );
}
