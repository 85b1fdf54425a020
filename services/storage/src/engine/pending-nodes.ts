import type { PhysicalNode } from "../state/physical-node.js";

interface PendingNode {
  readonly version: bigint;
  readonly node: PhysicalNode;
}

/** What one block wrote. */
interface BlockNodes {
  readonly version: bigint;
  readonly paths: string[];
}

/**
 * The newest nodes of the tree by path that no reader finds on disk yet. Bounded by the blocks that
 * are ahead of the disk. Nodes that are durable are not kept: reading them from LMDB's pages costs
 * no more than a cache (measured: the same time with 0 and with 96 MiB of it).
 */
export class PendingNodes {
  readonly #nodes: Map<string, PendingNode> = new Map();
  /** What blocks wrote, the oldest first; a path may have been written again since. */
  readonly #blocks: BlockNodes[] = [];

  get(version: bigint, path: string): PhysicalNode | null {
    const pending = this.#nodes.get(path);
    return pending?.version === version ? pending.node : null;
  }

  /** Takes the nodes of the newest block. */
  add(version: bigint, nodes: Iterable<{ path: string; node: PhysicalNode }>): void {
    const paths: string[] = [];
    for (const { path, node } of nodes) {
      paths.push(path);
      this.#nodes.set(path, { version, node });
    }
    this.#blocks.push({ version, paths });
  }

  /** Blocks up to this version are durable. */
  durable(version: bigint): void {
    for (;;) {
      const oldest = this.#blocks[0];
      if (oldest === undefined || oldest.version > version) return;
      this.#blocks.shift();
      for (const path of oldest.paths) {
        if (this.#nodes.get(path)?.version === oldest.version) this.#nodes.delete(path);
      }
    }
  }
}
