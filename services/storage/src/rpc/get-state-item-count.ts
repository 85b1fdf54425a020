import type { backup } from "@holdfast/api";
import type { LiveGeneration } from "../engine/live-generation.js";
import { checkpointAt, stateVersion } from "../state/versions.js";
import { readLive } from "./read-live.js";

/** GetStateItemCount: items and bytes of the state at a checkpoint. */
export function getStateItemCount(
  live: LiveGeneration,
  request: backup.GetStateItemCountRequest,
): backup.GetStateItemCountResponse {
  return readLive(live, (reader) => {
    const version = stateVersion(reader.meta(), request.version ?? null);
    const { items, bytes } = checkpointAt(reader, version);
    return { version, items, bytes };
  });
}
