import type { backup } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import { consistencyProof } from "@holdfast/merkle";
import type { LiveGeneration } from "../engine/live-generation.js";
import { logNodesOf, logRootAt, proveRoot } from "../state/log-proofs.js";
import type { StoreReader } from "../state/state-reader.js";
import { checkpointAt, infoAt, stateVersion } from "../state/versions.js";
import { readLive } from "./read-live.js";
import { rootProofMessage } from "./state-messages.js";

/** GetStateRootProof: a checkpoint's state root, and that an earlier log is a prefix. */
export function getStateRootProof(
  live: LiveGeneration,
  request: backup.GetStateRootProofRequest,
): backup.GetStateRootProofResponse {
  return readLive(live, (reader) => {
    const version = stateVersion(reader.meta(), request.version ?? null);
    checkpointAt(reader, version);
    return {
      rootProof: rootProofMessage(proveRoot(reader, version)),
      logRoot: logRootAt(reader, version),
      consistencyHashes: prefixProof(reader, request.extendsVersion ?? null, version),
    };
  });
}

function prefixProof(reader: StoreReader, first: bigint | null, version: bigint): Buffer[] {
  if (first === null) return [];
  if (first > version) throw invalidField("extends_version", `it is behind version ${version}`);
  // What lies before a restore has no nodes of its own.
  infoAt(reader, first);
  return consistencyProof(first + 1n, version + 1n, logNodesOf(reader));
}
