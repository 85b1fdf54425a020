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
  const known = new Map<string, Known>();
  for (const { histories, createdTime } of snapshots) {
    histories.forEach(({ historyId }, index) => {
      if (known.has(historyId)) return;
      const order = known.size;
      known.set(historyId, { histories, index, order, firstTaken: "", children: 0 });
    });
    const own = known.get(histories[0]?.historyId ?? "");
    if (own !== undefined && (own.firstTaken === "" || createdTime < own.firstTaken)) {
      own.firstTaken = createdTime;
    }
  }
  const parentOf = ({ histories, index }: Known): Known | undefined =>
    known.get(histories[index + 1]?.historyId ?? "");
  for (const each of known.values()) {
    const parent = parentOf(each);
    if (parent !== undefined) parent.children += 1;
  }
  /** Those that are nobody's parent, of those that are not ordered yet. */
  const free = new Set([...known.values()].filter(({ children }) => children === 0));
  const ordered: (readonly HistoryLine[])[] = [];
  for (let last = lastMade(free); last !== null; last = lastMade(free)) {
    free.delete(last);
    ordered.push(last.histories.slice(last.index));
    const parent = parentOf(last);
    if (parent === undefined) continue;
    parent.children -= 1;
    if (parent.children === 0) free.add(parent);
  }
  if (ordered.length < known.size) throw damagedHistories();
  return ordered;
}

/** A history, and where it stands among its parents. */
interface Known {
  readonly histories: readonly HistoryLine[];
  readonly index: number;
  /** In which it was met. */
  readonly order: number;
  /** When its first snapshot was taken; "" when it has none. */
  firstTaken: string;
  /** Histories made of it that are not ordered yet. */
  children: number;
}

/** The one whose first snapshot came last. */
function lastMade(free: ReadonlySet<Known>): Known | null {
  let last: Known | null = null;
  for (const each of free) {
    const isLater =
      last === null ||
      each.firstTaken > last.firstTaken ||
      (each.firstTaken === last.firstTaken && each.order < last.order);
    if (isLater) last = each;
  }
  return last;
}

function damagedHistories(): HoldfastError {
  return new HoldfastError(
    "PROOF_INVALID",
    "Two histories of the archive are each other's parent.",
  );
}
