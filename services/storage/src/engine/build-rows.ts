import type { GenerationEnv } from "./generation-env.js";
import { META } from "./schema.js";

/**
 * Removes what only a generation under way has from one that is live. A kill between the publish
 * of a restore and its tidying leaves it there.
 */
export function removeBuildRows(env: GenerationEnv): void {
  if (env.meta.get(META.owner) === undefined) return;
  env.root.transactionSync(() => {
    env.restoreTiles.clearSync();
    env.meta.removeSync(META.owner);
    env.meta.removeSync(META.restorePlan);
  });
}
