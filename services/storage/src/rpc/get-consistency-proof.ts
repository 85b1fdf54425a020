import type { storage } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import { consistencyProof } from "@holdfast/merkle";
import type { LiveGeneration } from "../engine/live-generation.js";
import { logNodesOf, logRootAt } from "../state/log-proofs.js";
import { committedVersion, infoAt } from "../state/versions.js";
import { readLive } from "./read-live.js";

/** GetConsistencyProof: the log at one version is a prefix of the log at a later one. */
export function getConsistencyProof(
  live: LiveGeneration,
  request: storage.GetConsistencyProofRequest,
): storage.GetConsistencyProofResponse {
  const { fromVersion } = request;
  return readLive(live, (reader) => {
    const meta = reader.meta();
    committedVersion(meta, fromVersion);
    const toVersion = committedVersion(meta, request.toVersion ?? null);
    if (toVersion < fromVersion) throw invalidField("to_version", "it is before from_version");
    infoAt(reader, fromVersion);
    return {
      hashes: consistencyProof(fromVersion + 1n, toVersion + 1n, logNodesOf(reader)),
      fromLogRoot: logRootAt(reader, fromVersion),
      toLogRoot: logRootAt(reader, toVersion),
      toVersion,
    };
  });
}
