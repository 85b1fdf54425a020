import type { types } from "@holdfast/api";
import type { NewSnapshotHead } from "@holdfast/archive";
import type { ProvedRoot } from "./root-proof.js";
import type { ArchivedSnapshot } from "./snapshot-view.js";

/** How the snapshot is taken. */
interface Manner {
  /** Of a delta: what it builds on. Null for a full snapshot. */
  readonly base: ArchivedSnapshot | null;
  /** Every tile is folded before it is published. */
  readonly proved: boolean;
}

/** The head of a snapshot to be: the state of a store at a proved root. */
export function newHead(
  state: types.DbState,
  { version, stateRoot, logRoot, info, logSiblings }: ProvedRoot,
  { items, bytes }: { readonly items: bigint; readonly bytes: bigint },
  { base, proved }: Manner,
): NewSnapshotHead {
  return {
    kind: base === null ? "full" : "delta",
    ledgerId: state.ledgerId,
    histories: state.histories.map(({ historyId, forkVersion }) =>
      forkVersion === undefined ? { historyId } : { historyId, forkVersion },
    ),
    version,
    stateRoot,
    logRoot,
    rootProof: { info, logSiblings },
    items,
    bytes,
    ...(base === null ? {} : { base: baseOf(base) }),
    proved,
  };
}

function baseOf({
  name,
  version,
  summary,
}: ArchivedSnapshot): NonNullable<NewSnapshotHead["base"]> {
  return { name, version, stateRoot: summary.head.stateRoot };
}
