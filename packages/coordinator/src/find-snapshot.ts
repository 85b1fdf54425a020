import { ArchiveError } from "@holdfast/archive";
import { invalidField } from "@holdfast/core";
import { type ArchiveContents, nameOf, versionOf } from "./archive-contents.js";
import { newestUsable } from "./base-choice.js";
import { knownHistories } from "./histories.js";
import type { ArchivedSnapshot } from "./snapshot-view.js";

/**
 * The snapshot that a person names: by its name, by a beginning that only one has, or by a version
 * (of the history made last that has it). One that cannot be read matters only where it is named.
 * @throws SNAPSHOT_NOT_FOUND; DamageError; ARCHIVE_FORMAT_NEWER; INVALID_REQUEST when more than one
 * is meant.
 */
export function findSnapshot(
  { snapshots, leftOut }: ArchiveContents,
  text: string,
): ArchivedSnapshot {
  const names = new Set([...snapshots.map(({ name }) => name), ...leftOut.map(nameOf)]);
  const begun = [...names].filter((name) => name.startsWith(text));
  const name = names.has(text) ? text : begun.length === 1 ? begun[0] : undefined;
  const named = snapshots.find((snapshot) => snapshot.name === name);
  if (named !== undefined) return named;
  const version = /^\d{1,16}$/.test(text) ? BigInt(text) : null;
  const at = version === null || name !== undefined ? null : ofVersion(snapshots, version);
  if (at !== null) return at;
  const unread = leftOut.find((other) => {
    if (name !== undefined) return nameOf(other) === name;
    return version !== null && versionOf(other.file) === version;
  });
  if (unread !== undefined) throw unread.error;
  if (begun.length > 1) throw invalidField("snapshot", `more than one begins with ${text}`);
  throw new ArchiveError(
    "SNAPSHOT_NOT_FOUND",
    `No snapshot is named ${text} or begins so, or has that version. See \`holdfast archive ls\`.`,
    { snapshot: text },
  );
}

function ofVersion(
  snapshots: readonly ArchivedSnapshot[],
  version: bigint,
): ArchivedSnapshot | null {
  const at = snapshots.filter((snapshot) => snapshot.version === version);
  if (at.length === 0) return null;
  for (const line of knownHistories(snapshots)) {
    const found = newestUsable(at, line, version);
    if (found !== null) return found;
  }
  return null;
}
