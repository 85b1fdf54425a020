import { storage } from "@holdfast/api";
import { invalidField, limits } from "@holdfast/core";
import { type Ics23Item, ics23Absence, ics23Existence, sha256 } from "@holdfast/merkle";
import type { LiveGeneration } from "../engine/live-generation.js";
import { neighboursOf, proveKey } from "../state/key-proof.js";
import { proveRoot } from "../state/log-proofs.js";
import type { StoreReader } from "../state/state-reader.js";
import { storedItem } from "../state/stored-item.js";
import { type TreeView, viewOf } from "../state/tree-view.js";
import { checkpointAt, stateVersion } from "../state/versions.js";
import { readLive } from "./read-live.js";
import { rootProofMessage, stateProofMessage } from "./state-messages.js";

const NOTHING: Buffer = Buffer.alloc(0);

/** GetState: one key at one version, and the proof of what is said. */
export function getState(
  live: LiveGeneration,
  request: storage.GetStateRequest,
): storage.GetStateResponse {
  checkRequest(request);
  return readLive(live, (reader) => {
    const version = stateVersion(reader.meta(), request.version ?? null);
    const value = valueAt(reader, sha256(request.key), version);
    const unproved = { version, value: value ?? undefined, stateRoot: NOTHING };
    if (!request.withProof) {
      return { ...unproved, stateProof: undefined, ics23Proof: NOTHING, rootProof: undefined };
    }
    const checkpoint = checkpointAt(reader, version);
    const view = viewOf(reader, checkpoint.root);
    const isIcs23 = request.proofFormat === storage.ProofFormat.ICS23;
    return {
      ...unproved,
      stateRoot: checkpoint.stateRoot,
      stateProof: isIcs23 ? undefined : stateProofMessage(proveKey(view, sha256(request.key))),
      ics23Proof: isIcs23 ? ics23Proof(reader, view, request.key, version) : NOTHING,
      rootProof: rootProofMessage(proveRoot(reader, version)),
    };
  });
}

function checkRequest({ key, proofFormat }: storage.GetStateRequest): void {
  if (key.length === 0 || key.length > limits.KEY_BYTES_MAX) {
    throw invalidField("key", `a key has 1 to ${limits.KEY_BYTES_MAX} bytes`);
  }
  // Numbers that the enum does not know can arrive.
  if (!Object.values(storage.ProofFormat).includes(proofFormat)) {
    throw invalidField("proof_format", "there is no such format");
  }
}

function valueAt(reader: StoreReader, keyHash: Buffer, version: bigint): Buffer | null {
  const row = reader.row(keyHash, version);
  return row === null ? null : storedItem(row).value;
}

function ics23Proof(reader: StoreReader, view: TreeView, key: Buffer, version: bigint): Buffer {
  const itemOf = (keyHash: Buffer | null): Ics23Item | null => {
    const row = keyHash === null ? null : reader.row(keyHash, version);
    if (keyHash === null || row === null) return null;
    return { ...storedItem(row), siblings: proveKey(view, keyHash).siblings };
  };
  const own = itemOf(sha256(key));
  if (own !== null) return ics23Existence(own.key, own.value, own.siblings);
  const { left, right } = neighboursOf(view, sha256(key));
  return ics23Absence(key, itemOf(left), itemOf(right));
}
