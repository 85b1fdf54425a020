import type { PhysicalNode } from "../state/physical-node.js";

interface CachedNode {
  readonly version: bigint;
  readonly node: PhysicalNode;
}

/**
 * The newest nodes of the tree by path, those written last. It must keep what is not durable yet
 * (no reader finds that on disk); beyond that it is bounded by bytes.
 */
export class NodeCache {
  /** The one written longest ago comes first. */
  readonly #nodes: Map<string, CachedNode> = new Map();
  readonly #bytesMax: number;
  #bytes = 0;
  #durable = -1n;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(version: bigint, path: string): PhysicalNode | null {
    const cached = this.#nodes.get(path);
    return cached?.version === version ? cached.node : null;
  }

  set(version: bigint, path: string, node: PhysicalNode): void {
    this.#remove(path);
    this.#nodes.set(path, { version, node });
    this.#bytes += node.encoded.length;
  }

  /** Blocks up to this version are durable. */
  durable(version: bigint): void {
    this.#durable = version;
    for (const [path, { version: written }] of this.#nodes) {
      if (this.#bytes <= this.#bytesMax || written > this.#durable) return;
      this.#remove(path);
    }
  }

  #remove(path: string): void {
    const cached = this.#nodes.get(path);
    if (cached === undefined) return;
    this.#bytes -= cached.node.encoded.length;
    this.#nodes.delete(path);
  }
}
