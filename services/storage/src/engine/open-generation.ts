import { type TreeView, viewOf } from "../state/tree-view.js";
import { checkpointAt } from "../state/versions.js";
import { ChunkIds } from "./chunk-ids.js";
import type { GenerationEnv } from "./generation-env.js";
import { JournalScanner } from "./journal-scan.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";
import { RowScanner } from "./row-scan.js";

/** Views of states that are kept, each with some hundred nodes. */
const VIEWS_MAX = 16;
/** A generation, as one scan thread reads it. */
export class OpenGeneration {
  readonly env: GenerationEnv;
  readonly reader: LmdbStoreReader;
  readonly rows: RowScanner;
  readonly chunkIds: ChunkIds = new ChunkIds();
  readonly journal: JournalScanner;
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
    return viewOf(this.reader, root);
  }
}
