import { HoldfastError } from "@holdfast/core";
import { foldTree, HASH_BYTES } from "@holdfast/merkle";
import { copyWords } from "../state/copy-words.js";
import { GrowingBytes } from "./growing-bytes.js";
import { encodePlanRow } from "./plan-row.js";
import { SubtreeWriter } from "./subtree-writer.js";

/** Whole tiles that are proved together; their bodies lie one behind the other. */
export interface TileBatch {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly tiles: readonly {
    readonly path: string;
    /** Behind the last byte of its body; it begins where the one before ends. */
    readonly end: number;
  }[];
}

/** What is to be written for the tiles of a batch once their plan rows are found to be equal. */
export interface ProvedBatch {
  readonly body: Uint8Array<ArrayBuffer>;
  /** 32 bytes for each item of the batch. */
  readonly keyHashes: Uint8Array<ArrayBuffer>;
  /** Start and end in `body` for each item. */
  readonly spans: Uint32Array<ArrayBuffer>;
  /** Physical nodes: key length u8, value length u16, key, value. */
  readonly nodes: Uint8Array<ArrayBuffer>;
  readonly tiles: readonly ProvedTile[];
}

/** One tile of a batch; each begins where the one before ends. */
export interface ProvedTile {
  readonly path: string;
  /** The plan row that its body comes to. */
  readonly row: Uint8Array;
  /** Behind its last item. */
  readonly itemsEnd: number;
  /** Behind its last node, in bytes. */
  readonly nodesEnd: number;
}

const KEY_HASHES_START: number = 64 * 1024;
const NODES_START: number = 256 * 1024;
const SPANS_START = 2_048;

/**
 * Folds tiles and makes the rows of their subtrees. What a body folds to is told, not judged: it
 * is compared with the plan where that is read.
 */
export class TileProver {
  readonly #writer: SubtreeWriter;

  /** @param version the version that is restored. */
  constructor(version: bigint) {
    this.#writer = new SubtreeWriter(version);
  }

  /** @throws PROOF_INVALID when a body is malformed or lies elsewhere than under its path. */
  prove({ body, tiles }: TileBatch): ProvedBatch {
    const keyHashes = new GrowingBytes(KEY_HASHES_START);
    const nodes = new GrowingBytes(NODES_START);
    const proved: ProvedTile[] = [];
    let spans = new Uint32Array(SPANS_START);
    let items = 0;
    let start = 0;
    for (const { path, end } of tiles) {
      const tree = foldTree(path, Buffer.from(body.buffer, body.byteOffset + start, end - start));
      if (tree.node.kind === "empty") throw emptyTile(path);
      while (2 * (items + tree.items) > spans.length) spans = grown(spans);
      const at = keyHashes.reserve(tree.items * HASH_BYTES);
      for (let item = 0; item < tree.items; item++) {
        spans[2 * items] = start + tree.itemStart(item);
        spans[2 * items + 1] = start + tree.itemEnd(item);
        const keyHashAt = at + HASH_BYTES * item;
        copyWords(tree.memory, tree.keyHashAt(item), keyHashes.view, keyHashAt, HASH_BYTES / 4);
        items += 1;
      }
      this.#writer.write(path.length, tree, nodes);
      const row = encodePlanRow(tree);
      proved.push({ path, row, itemsEnd: items, nodesEnd: nodes.length });
      start = end;
    }
    return {
      body,
      keyHashes: keyHashes.written,
      spans: spans.subarray(0, 2 * items),
      nodes: nodes.written,
      tiles: proved,
    };
  }
}

/** What of a batch is moved instead of copied when it goes to another thread. */
export function transferList(batch: ProvedBatch): ArrayBuffer[] {
  return [batch.body.buffer, batch.keyHashes.buffer, batch.spans.buffer, batch.nodes.buffer];
}

function grown(spans: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * spans.length);
  larger.set(spans);
  return larger;
}

function emptyTile(path: string): HoldfastError {
  return new HoldfastError("PROOF_INVALID", `The body of tile ${path} is empty.`, {
    metadata: { path },
  });
}
