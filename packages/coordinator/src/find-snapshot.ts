import { ArchiveError } from "@holdfast/archive";
import { invalidField } from "@holdfast/core";
import { chooseChain } from "./restore-choice.js";
import type { ArchivedSnapshot } from "./snapshot-view.js";

/**
 * The snapshot that a person names: by its name, by a beginning that only one has, or by a version
 * (of the history made last).
 * @throws SNAPSHOT_NOT_FOUND; INVALID_REQUEST when more than one is meant.
 */
export function findSnapshot(
  snapshots: readonly ArchivedSnapshot[],
  text: string,
): ArchivedSnapshot {
  const named = snapshots.filter(({ name }) => name === text);
  const begun = named.length > 0 ? named : snapshots.filter(({ name }) => name.startsWith(text));
  const [only, ...others] = begun;
  if (only !== undefined && others.length === 0) return only;
  if (/^\d{1,16}$/.test(text)) {
    const version = BigInt(text);
    const at = snapshots.filter((snapshot) => snapshot.version === version);
    if (at.length > 0) {
      const chain = chooseChain(snapshots, { toVersion: version });
      const top = chain.at(-1) ?? chain[0];
      if (top.version === version) return top;
    }
  }
  if (others.length > 0) throw invalidField("snapshot", `more than one begins with ${text}`);
  throw new ArchiveError(
    "SNAPSHOT_NOT_FOUND",
    `No snapshot is named ${text} or begins so, or has that version. See \`holdfast archive ls\`.`,
    { snapshot: text },
  );
}
