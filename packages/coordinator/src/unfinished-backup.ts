import type { types } from "@holdfast/api";
import type { SnapshotHead } from "@holdfast/archive";
import { newestUsable } from "./base-choice.js";
import { type ArchivedSnapshot, historyLines } from "./snapshot-view.js";

/** What is to be backed up, as far as it decides what to go on with. */
interface Wish {
  readonly version?: bigint | undefined;
  readonly full: boolean;
  readonly prove: boolean;
}

/** The interrupted backup to go on with: of this history, and newer than all that is there. */
export function chooseUnfinished(
  heads: readonly SnapshotHead[],
  state: types.DbState,
  snapshots: readonly ArchivedSnapshot[],
  { version, full, prove }: Wish,
): SnapshotHead | null {
  const newest = newestUsable(snapshots, historyLines(state), null)?.version ?? -1n;
  const head = heads.find(
    (unfinished) =>
      state.histories[0]?.historyId.equals(unfinished.histories[0]?.historyId ?? Buffer.of()) &&
      (version === undefined ? unfinished.version > newest : unfinished.version === version) &&
      unfinished.version <= (state.committedVersion ?? -1n) &&
      unfinished.version >= (state.oldestStateVersion ?? 0n) &&
      (unfinished.kind === "full" ? unfinished.proved === prove : !full),
  );
  return head ?? null;
}
