import type { backup } from "@holdfast/api";
import { invalidField } from "@holdfast/core";
import { isPath } from "@holdfast/merkle";
import type { LiveGeneration } from "../engine/live-generation.js";
import { viewOf } from "../state/tree-view.js";
import { checkpointAt, stateVersion } from "../state/versions.js";
import { readLive } from "./read-live.js";
import { treeNodeMessage } from "./state-messages.js";

/** GetStateRangeProof: the node at a path and its siblings up to the root. */
export function getStateRangeProof(
  live: LiveGeneration,
  { path, version: asked }: backup.GetStateRangeProofRequest,
): backup.GetStateRangeProofResponse {
  if (path === "" || !isPath(path)) {
    throw invalidField("path", "a path is 1 to 64 lower-case hex digits");
  }
  return readLive(live, (reader) => {
    const version = stateVersion(reader.meta(), asked ?? null);
    const { root, stateRoot } = checkpointAt(reader, version);
    const view = viewOf(reader, root);
    const { node, items, bytes } = view.subtree(path);
    return {
      node: treeNodeMessage(node),
      siblings: view.siblings(path).map(treeNodeMessage),
      version,
      stateRoot,
      items: BigInt(items),
      bytes: BigInt(bytes),
    };
  });
}
