import type { types } from "@holdfast/api";
import type { SnapshotSummary } from "@holdfast/archive";
import type { BaseCandidate } from "./base-choice.js";
import type { HistoricSnapshot, HistoryLine } from "./histories.js";

/** A snapshot of an archive as choices look at it. */
export interface ArchivedSnapshot extends BaseCandidate, HistoricSnapshot {
  readonly summary: SnapshotSummary;
}

/** A snapshot of an archive as choices look at it. */
export function archivedSnapshot(summary: SnapshotSummary): ArchivedSnapshot {
  const { name, head, foot } = summary;
  const histories = head.histories.map(
    ({ historyId, forkVersion }): HistoryLine => ({
      historyId: historyId.toString("hex"),
      forkVersion: forkVersion ?? null,
    }),
  );
  return {
    name,
    kind: head.kind,
    version: head.version,
    stateRoot: head.stateRoot.toString("hex"),
    historyId: histories[0]?.historyId ?? "",
    histories,
    storedBytes: Number(foot.storedBytes),
    base:
      head.base === undefined
        ? null
        : { version: head.base.version, stateRoot: head.base.stateRoot.toString("hex") },
    createdTime: head.createdTime,
    summary,
  };
}

/** The histories of a store as choices look at them. */
export function historyLines(state: types.DbState): HistoryLine[] {
  return state.histories.map(({ historyId, forkVersion }) => ({
    historyId: historyId.toString("hex"),
    forkVersion: forkVersion ?? null,
  }));
}
