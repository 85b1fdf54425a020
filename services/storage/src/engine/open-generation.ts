import type { PhysicalNode } from "../state/physical-node.js";
import { TreeView } from "../state/tree-view.js";
import { checkpointAt } from "../state/versions.js";
import { ChunkIds } from "./chunk-ids.js";
import type { GenerationEnv } from "./generation-env.js";
import { JournalScanner } from "./journal-scan.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";
import { RowScanner } from "./row-scan.js";

/** Views of states that are kept; each holds the nodes of one path. */
const VIEWS_MAX = 16;
/** Tree nodes that are kept, up to 1.6 KiB each: those of the changes of one tile, however small. */
const NODES_MAX = 2_048;

interface KeptNode {
  readonly version: bigint;
  readonly node: PhysicalNode;
}

/** A generation, as one scan thread reads it. */
export class OpenGeneration {
  readonly env: GenerationEnv;
  readonly reader: LmdbStoreReader;
  readonly rows: RowScanner;
  readonly chunkIds: ChunkIds = new ChunkIds();
  readonly journal: JournalScanner;
  /** By path: a delta looks at the same nodes when it compares a tile's changes and packs it. */
  #nodes: Map<string, KeptNode> = new Map();
  /** The one used last is the last. */
  readonly #views: Map<bigint, TreeView> = new Map();

  constructor(env: GenerationEnv) {
    this.env = env;
    this.reader = new LmdbStoreReader(env);
    this.rows = new RowScanner(env);
    this.journal = new JournalScanner(env);
  }

  /** The state at a checkpoint. @throws NOT_A_CHECKPOINT, ROW_CORRUPT */
  view(version: bigint): TreeView {
    const view = this.#views.get(version) ?? this.#makeView(version);
    this.#views.delete(version);
    this.#views.set(version, view);
    const [oldest] = this.#views.keys();
    if (this.#views.size > VIEWS_MAX && oldest !== undefined) this.#views.delete(oldest);
    return view;
  }

  /** Closes it in this thread. */
  async close(): Promise<void> {
    this.rows.close();
    await this.env.close();
  }

  #makeView(version: bigint): TreeView {
    const { root } = checkpointAt(this.reader, version);
    return new TreeView(root, (written, path) => this.#node(written, path));
  }

  /** What a version wrote never changes, so a node read once is good for ever. */
  #node(version: bigint, path: string): PhysicalNode {
    const kept = this.#nodes.get(path);
    if (kept?.version === version) return kept.node;
    const node = this.reader.node(version, path);
    // Not cleared: V8 leaves a way from a map's old table to the next, and all that the map ever held
    // would survive until the whole heap is collected.
    if (this.#nodes.size >= NODES_MAX) this.#nodes = new Map();
    this.#nodes.set(path, { version, node });
    return node;
  }
}
