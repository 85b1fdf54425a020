import type { ResourceLimits } from "node:worker_threads";

/**
 * Memory of the threads of a restore. Left alone, the young generation of each grows to 48 MiB
 * within the first seconds of a long restore, though what they handle lies outside of the heap and
 * dies at once.
 */
export const RESTORE_THREAD: { readonly resourceLimits: ResourceLimits } = {
  resourceLimits: { maxYoungGenerationSizeMb: 12 },
};
