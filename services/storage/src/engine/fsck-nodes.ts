import type { Findings } from "./fsck-finding.js";
import { type FsckRun, messageOf, rangeOf } from "./fsck-run.js";
import { nameSurplusNodes, type Tree } from "./fsck-surplus.js";
import type { GenerationEnv } from "./generation-env.js";
import { SHARDS, u64 } from "./schema.js";
import { decodeStaleList } from "./stale-list.js";

/**
 * Checks that no tree node is without use: each is in the newest tree, or in the list of what a
 * later checkpoint replaced, which pruning will take. Counts them, and looks for those that are too
 * many only then: to hold all takes the memory of all.
 * @param reached nodes in the newest tree, for each shard.
 */
export function checkNodeCounts(
  env: GenerationEnv,
  tree: Tree,
  reached: readonly number[],
  run: FsckRun,
): void {
  for (let shard = 0; shard < SHARDS; shard++) {
    const name = `shard ${shard.toString(16)}`;
    run.attempt("nodes", `the nodes of ${name}`, () => {
      let rows = 0;
      for (const _ of rangeOf("nodes", env.nodes[shard]?.getKeys({}) ?? [])) rows += 1;
      const used = (reached[shard] ?? 0) + staleNodes(env, shard, run.findings);
      if (rows === used) return;
      const named = rows > used ? nameSurplusNodes(env, shard, tree) : [];
      const which = named.length === 0 ? "" : `; the first without use: ${named.join(", ")}`;
      run.findings.add(
        "nodes",
        `${name} has ${rows} nodes, and ${used} are in the newest tree or replaced by a later ` +
          `one${which}`,
      );
    });
  }
}

function staleNodes(env: GenerationEnv, shard: number, findings: Findings): number {
  let nodes = 0;
  const lists = env.stale[shard]?.getRange({ start: u64(0n) }) ?? [];
  for (const { key, value } of rangeOf("stale", lists)) {
    try {
      nodes += decodeStaleList(value).nodeKeys.length;
    } catch (error) {
      const version = key.readBigUInt64BE();
      findings.add("stale", `what checkpoint ${version} replaced: ${messageOf(error)}`);
    }
  }
  return nodes;
}
