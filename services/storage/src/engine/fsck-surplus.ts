import type { PhysicalNode } from "../state/physical-node.js";
import { rangeOf } from "./fsck-run.js";
import type { GenerationEnv } from "./generation-env.js";
import type { LmdbStoreReader } from "./lmdb-store-reader.js";
import { u64 } from "./schema.js";
import { decodeStaleList } from "./stale-list.js";

/** Nodes that are named of one shard. */
const NAMED_MAX = 3;
/** Nodes looked for in the lists of replaced ones at a time: some 50 MiB. */
const CANDIDATES_MAX = 250_000;

/** The newest tree. */
export interface Tree {
  readonly reader: LmdbStoreReader;
  readonly root: PhysicalNode;
}

/**
 * Names the first nodes of a shard that are neither in the newest tree nor in a list of what a
 * later checkpoint replaced. The lists are read once for every 250,000 that are not in the tree.
 */
export function nameSurplusNodes(env: GenerationEnv, shard: number, tree: Tree): string[] {
  const named: string[] = [];
  let candidates = new Set<string>();
  const nameThem = (): void => {
    removeReplaced(env, shard, candidates);
    for (const key of candidates) {
      if (named.length < NAMED_MAX) named.push(nameOf(Buffer.from(key, "latin1")));
    }
    candidates = new Set();
  };
  for (const key of rangeOf("nodes", env.nodes[shard]?.getKeys({}) ?? [])) {
    if (named.length === NAMED_MAX) break;
    if (isInTree(tree, key)) continue;
    candidates.add(key.toString("latin1"));
    if (candidates.size === CANDIDATES_MAX) nameThem();
  }
  nameThem();
  return named;
}

/** True also below a node that cannot be read: nobody knows what it refers to. */
function isInTree({ reader, root }: Tree, key: Buffer): boolean {
  try {
    const path = pathOf(key);
    let node = root;
    for (let depth = 1; ; depth++) {
      const version = node.childVersion(Number.parseInt(path[depth - 1] ?? "", 16));
      if (version === null || depth >= path.length) return version === key.readBigUInt64BE();
      node = reader.node(version, path.slice(0, depth));
    }
  } catch {
    return true;
  }
}

function removeReplaced(env: GenerationEnv, shard: number, candidates: Set<string>): void {
  const lists = env.stale[shard]?.getRange({ start: u64(0n) }) ?? [];
  for (const { value } of rangeOf("stale", lists)) {
    if (candidates.size === 0) return;
    try {
      for (const key of decodeStaleList(value).nodeKeys) candidates.delete(key.toString("latin1"));
    } catch {
      // A list that cannot be read is a finding of its own.
    }
  }
}

function nameOf(key: Buffer): string {
  return `node ${pathOf(key)} of ${key.readBigUInt64BE()}`;
}

/** The path in a key of `nodes.x`. */
function pathOf(key: Buffer): string {
  return key.toString("hex", 9).slice(0, key.readUInt8(8));
}
