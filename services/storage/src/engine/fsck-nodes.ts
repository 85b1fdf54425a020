import type { Findings } from "./fsck-finding.js";
import { type FsckRun, messageOf, rangeOf } from "./fsck-run.js";
import { nameSurplusNodes, type Tree } from "./fsck-surplus.js";
import type { GenerationEnv } from "./generation-env.js";
import { SHARDS, u64 } from "./schema.js";
import { decodeStaleList } from "./stale-list.js";

/**
 * Checks that no tree node is without use: each is in the newest tree, or in the list of what a
 * later checkpoint replaced, which pruning will take. Counts them, and looks for those that are too
 * many only then: to hold all takes the memory of all. What a node or a list that cannot be read
 * refers to may be of use, and is not counted as without.
 */
export function checkNodeCounts(env: GenerationEnv, tree: CheckedTree, run: FsckRun): void {
  for (let shard = 0; shard < SHARDS; shard++) {
    run.attempt("nodes", `the nodes of shard ${shard.toString(16)}`, () =>
      checkShard(env, shard, tree, run.findings),
    );
  }
}

/** The newest tree, and what was met in each shard when it was walked. */
export interface CheckedTree extends Tree {
  readonly nodes: readonly number[];
  readonly unreadNodes: readonly number[];
}

function checkShard(
  env: GenerationEnv,
  shard: number,
  tree: CheckedTree,
  findings: Findings,
): void {
  const name = `shard ${shard.toString(16)}`;
  const replaced = replacedNodes(env, shard, findings);
  const unreadNodes = tree.unreadNodes[shard] ?? 0;
  if (unreadNodes > 0 || replaced.unreadLists > 0) {
    findings.add(
      "nodes",
      `not checked: whether all nodes of ${name} are of use (tree nodes that could not be read: ` +
        `${unreadNodes}, lists of replaced ones: ${replaced.unreadLists})`,
    );
    // Beside a tree node that cannot be read, those without use can still be told.
    const named = replaced.unreadLists > 0 ? [] : nameSurplusNodes(env, shard, tree);
    if (named.length > 0)
      findings.add("nodes", `${name} has nodes without use: ${named.join(", ")}`);
    return;
  }
  let rows = 0;
  for (const _ of rangeOf("nodes", env.nodes[shard]?.getKeys({}) ?? [])) rows += 1;
  const used = (tree.nodes[shard] ?? 0) + replaced.nodes;
  if (rows === used) return;
  const named = rows > used ? nameSurplusNodes(env, shard, tree) : [];
  const which = named.length === 0 ? "" : `; the first without use: ${named.join(", ")}`;
  findings.add(
    "nodes",
    `${name} has ${rows} nodes, and ${used} are in the newest tree or replaced by a later one${which}`,
  );
}

/** Nodes that a later checkpoint replaced, and lists of such that cannot be read. */
function replacedNodes(
  env: GenerationEnv,
  shard: number,
  findings: Findings,
): { readonly nodes: number; readonly unreadLists: number } {
  let nodes = 0;
  let unreadLists = 0;
  const lists = env.stale[shard]?.getRange({ start: u64(0n) }) ?? [];
  for (const { key, value } of rangeOf("stale", lists)) {
    try {
      nodes += decodeStaleList(value).nodeKeys.length;
    } catch (error) {
      unreadLists += 1;
      const version = key.readBigUInt64BE();
      findings.add("stale", `what checkpoint ${version} replaced: ${messageOf(error)}`);
    }
  }
  return { nodes, unreadLists };
}
