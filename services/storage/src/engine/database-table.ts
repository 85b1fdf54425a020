import type { Bytes, GenerationEnv } from "./generation-env.js";
import { SHARDS } from "./schema.js";

/*
 * Numbers of the databases in a packed batch; they never reach the disk. A sharded database has
 * one number for each shard, from the named one on.
 */
export const STATE = 0;
export const NODES: number = STATE + SHARDS;
export const JOURNAL: number = NODES + SHARDS;
export const STALE: number = JOURNAL + SHARDS;
export const META_DATABASE: number = STALE + SHARDS;
export const CHECKPOINTS: number = META_DATABASE + 1;
export const INFOS: number = CHECKPOINTS + 1;
export const LOG: number = INFOS + 1;
export const TRANSACTIONS: number = LOG + 1;
export const REQUESTS: number = TRANSACTIONS + 1;
export const REQUEST_ORDER: number = REQUESTS + 1;

/** The databases by number. */
export function databaseTable(env: GenerationEnv): readonly Bytes[] {
  return [
    ...env.state,
    ...env.nodes,
    ...env.journal,
    ...env.stale,
    env.meta,
    env.checkpoints,
    env.infos,
    env.log,
    env.transactions,
    env.requests,
    env.requestOrder,
  ];
}
