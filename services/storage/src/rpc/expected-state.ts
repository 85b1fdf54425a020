import { HoldfastError, invalidField } from "@holdfast/core";
import { HASH_BYTES, isPath } from "@holdfast/merkle";
import type { Checkpoint, StoreMeta, StoreReader } from "../state/state-reader.js";
import { checkpointAt, newestVersion, stateVersion } from "../state/versions.js";

const HISTORY_ID_BYTES = 16;

/** Which state a call means, and what its caller believes of it. */
export interface ExpectedState {
  readonly version?: bigint | undefined;
  /** Empty: not checked. */
  readonly expectedHistoryId: Buffer;
  /** Empty: not checked. */
  readonly expectedRoot: Buffer;
}

/** The state a call reads. */
export interface ReadState {
  readonly meta: StoreMeta;
  readonly checkpoint: Checkpoint;
}

/** @throws INVALID_REQUEST for a field of the wrong length. */
export function checkExpectedState({ expectedHistoryId, expectedRoot }: ExpectedState): void {
  if (![0, HISTORY_ID_BYTES].includes(expectedHistoryId.length)) {
    throw invalidField("expected_history_id", "it has 16 bytes, or none");
  }
  if (![0, HASH_BYTES].includes(expectedRoot.length)) {
    throw invalidField("expected_root", "it has 32 bytes, or none");
  }
}

/** @throws INVALID_REQUEST unless a resume point says what it was a point of. */
export function checkResumePoint(request: ExpectedState & { readonly resumeAfter: string }): void {
  if (request.resumeAfter === "") return;
  if (!isPath(request.resumeAfter)) {
    throw invalidField("resume_after", "a path is 1 to 64 lower-case hex digits");
  }
  if (request.version === undefined) {
    throw invalidField("version", "a resumed stream must name its version");
  }
  if (request.expectedRoot.length === 0) {
    throw invalidField("expected_root", "a resumed stream must name the root it began with");
  }
}

/**
 * The state that a call means. Who names a root or a history learns that the store is on another
 * one before anything else: a version that was never on this line is not missing, it is forked.
 * @throws HISTORY_FORKED, STORE_EMPTY, VERSION_NOT_COMMITTED, VERSION_PRUNED, NOT_A_CHECKPOINT.
 */
export function readState(reader: StoreReader, expected: ExpectedState): ReadState {
  const meta = reader.meta();
  const newest = newestVersion(meta);
  const { expectedHistoryId, expectedRoot } = expected;
  const historyId = meta.histories[0]?.historyId;
  if (expectedHistoryId.length > 0 && historyId?.equals(expectedHistoryId) !== true) {
    throw historyForked("another history");
  }
  const version = expected.version ?? newest;
  if (expectedRoot.length > 0 && version > newest) throw historyForked("another history");
  stateVersion(meta, version);
  if (expectedRoot.length > 0) {
    const root = reader.checkpoint(version)?.stateRoot;
    if (root?.equals(expectedRoot) !== true) {
      throw historyForked(`another state root at version ${version}`);
    }
  }
  return { meta, checkpoint: checkpointAt(reader, version) };
}

/** The error for what builds on a state that the store does not have. */
export function historyForked(what: string): HoldfastError {
  return new HoldfastError(
    "HISTORY_FORKED",
    `The store is on ${what} than the one this call builds on: a restore was published. Take a ` +
      "full snapshot, or begin anew.",
  );
}
