import type { SnapshotSummary } from "@holdfast/archive";
import type { Plain } from "./plain.js";

/** A snapshot as commands print it. */
export function snapshotResult({ name, head, foot, manifestBytes }: SnapshotSummary): {
  readonly [key: string]: Plain;
} {
  return {
    name,
    kind: head.kind,
    version: head.version,
    state_root: head.stateRoot,
    log_root: head.logRoot,
    history_id: head.histories[0]?.historyId ?? null,
    items: head.items,
    bytes: head.bytes,
    tiles: foot.tiles,
    chunks: foot.chunks,
    stored_bytes: foot.storedBytes + BigInt(manifestBytes),
    proved: head.proved,
    created_time: head.createdTime,
    base:
      head.base === undefined
        ? null
        : { version: head.base.version, state_root: head.base.stateRoot },
  };
}
