import { type HistoryLine, usableUpTo } from "./histories.js";

/** What base choice needs to know of a snapshot. */
export interface BaseCandidate {
  readonly name: string;
  readonly kind: "full" | "delta";
  readonly version: bigint;
  /** State root, lower-case hex. */
  readonly stateRoot: string;
  /** History it was taken on, lower-case hex. */
  readonly historyId: string;
  /** Bytes of its bodies in the archive. */
  readonly storedBytes: number;
  /** Of a delta: what it builds on. */
  readonly base: { readonly version: bigint; readonly stateRoot: string } | null;
}

/** When a chain has become too long or too heavy. */
export interface ChainLimits {
  /** Most deltas on a full snapshot. */
  readonly deltasMax: number;
  /** The deltas together must weigh less than this part of their full snapshot. */
  readonly weightShare: number;
}

/** The limits of `backup state`. */
export const CHAIN_LIMITS: ChainLimits = { deltasMax: 16, weightShare: 0.5 };

/** What a backup is to be. */
export type BackupChoice<S extends BaseCandidate> =
  | { readonly kind: "there"; readonly snapshot: S }
  | { readonly kind: "delta"; readonly base: S }
  /** `why` is a sentence for people. */
  | { readonly kind: "full"; readonly why: string };

/** What a backup is wanted of. */
export interface BackupWish {
  readonly version: bigint;
  /** State root at the version, lower-case hex; null when it is not known yet. */
  readonly stateRoot: string | null;
  /** The store's histories, the current one first. */
  readonly histories: readonly HistoryLine[];
  /** The oldest version a delta can start from. */
  readonly oldestJournal: bigint | null;
  readonly forceFull: boolean;
}

/**
 * Chooses between a delta on the newest snapshot of the store's history (or of its parents up to
 * the fork), a full snapshot, and nothing, when the state is in the archive already.
 */
export function chooseBackup<S extends BaseCandidate>(
  snapshots: readonly S[],
  wish: BackupWish,
  limits: ChainLimits = CHAIN_LIMITS,
): BackupChoice<S> {
  const newest = newestUsable(snapshots, wish.histories, wish.version);
  const there =
    newest?.version === wish.version && newest.stateRoot === wish.stateRoot ? newest : null;
  if (wish.forceFull) {
    if (there?.kind === "full") return { kind: "there", snapshot: there };
    return { kind: "full", why: "it was asked for" };
  }
  if (there !== null) return { kind: "there", snapshot: there };
  if (newest === null) {
    const why =
      snapshots.length === 0
        ? "the archive has no snapshot"
        : "the archive has no snapshot that this store's history goes back to";
    return { kind: "full", why };
  }
  if (newest.version === wish.version && wish.stateRoot !== null) {
    return { kind: "full", why: "the newest snapshot of this version has another root" };
  }
  if (wish.oldestJournal === null || newest.version < wish.oldestJournal) {
    return { kind: "full", why: `the journal no longer reaches back to version ${newest.version}` };
  }
  const chain = chainOf(snapshots, newest);
  if (chain === null) {
    return { kind: "full", why: `the chain below ${newest.name} is not complete` };
  }
  const [full, ...deltas] = chain;
  if (deltas.length >= limits.deltasMax) {
    return { kind: "full", why: `the chain has ${deltas.length} deltas` };
  }
  const weight = deltas.reduce((sum, delta) => sum + delta.storedBytes, 0);
  if (weight >= limits.weightShare * full.storedBytes) {
    return { kind: "full", why: "the deltas of the chain weigh too much beside its full snapshot" };
  }
  return { kind: "delta", base: newest };
}

/**
 * The newest snapshot, at most at `version`, that these histories go back to; of several at the
 * same version the full one. Null when there is none.
 */
export function newestUsable<S extends BaseCandidate>(
  snapshots: readonly S[],
  histories: readonly HistoryLine[],
  version: bigint | null,
): S | null {
  let newest: S | null = null;
  for (const snapshot of snapshots) {
    const bound = usableUpTo(histories, snapshot.historyId);
    if (bound === null || (bound !== "any" && snapshot.version > bound)) continue;
    if (version !== null && snapshot.version > version) continue;
    const isBetter =
      newest === null ||
      snapshot.version > newest.version ||
      (snapshot.version === newest.version && newest.kind === "delta");
    if (isBetter) newest = snapshot;
  }
  return newest;
}

/**
 * The snapshots from a full one up to `top`, each building on the one before; by version and root,
 * so that a synthetic full snapshot takes the place of the chain below it, and of two deltas of the
 * same state the one whose own base is there. Null when there is no such chain.
 */
export function chainOf<S extends BaseCandidate>(
  snapshots: readonly S[],
  top: S,
): readonly [S, ...S[]] | null {
  return chainBelow(snapshots, top, new Set());
}

/** `seen`: names that lead nowhere, or that the chain goes through already. */
function chainBelow<S extends BaseCandidate>(
  snapshots: readonly S[],
  top: S,
  seen: Set<string>,
): [S, ...S[]] | null {
  if (top.kind === "full") return [top];
  const { base } = top;
  if (base === null || seen.has(top.name)) return null;
  seen.add(top.name);
  const fits = snapshots.filter(
    ({ version, stateRoot }) => version === base.version && stateRoot === base.stateRoot,
  );
  const full = fits.find(({ kind }) => kind === "full");
  for (const next of full === undefined ? fits : [full]) {
    const below = chainBelow(snapshots, next, seen);
    if (below !== null) return [...below, top];
  }
  return null;
}
