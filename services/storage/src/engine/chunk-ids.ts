import { sha256, type TreeNode } from "@holdfast/merkle";

/** Ids that are kept, about 130 bytes each. */
const IDS_MAX = 32_768;

/**
 * Chunk ids of tiles that this thread packed before. A tile's node is a hash over all its keys and
 * values, and these have one encoding, so the node says what the chunk id is: who reads the same
 * state again, or goes on in it, does not make storage hash it again. A row that has rotted since
 * then no longer fits its chunk id, which every reader checks.
 */
export class ChunkIds {
  /** Both as latin1 text: small, and compared by content. */
  #ids: Map<string, string> = new Map();

  /** The SHA-256 of `body`, the items of a tile with this node. */
  of(node: TreeNode, body: Buffer): Buffer {
    if (node.kind !== "inner") return sha256(body);
    const hash = node.hash.toString("latin1");
    const known = this.#ids.get(hash);
    if (known !== undefined) return Buffer.from(known, "latin1");
    const id = sha256(body);
    // Starting anew costs one more hash for each, and nothing on the way.
    // Not cleared: what a cleared map held lives until the whole heap is collected.
    if (this.#ids.size >= IDS_MAX) this.#ids = new Map();
    this.#ids.set(hash, id.toString("latin1"));
    return id;
  }
}
