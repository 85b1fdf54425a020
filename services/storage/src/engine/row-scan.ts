import type { KeyHashRange } from "@holdfast/merkle";
import type { GenerationEnv } from "./generation-env.js";
import { LeafWalk } from "./leaf-walk.js";
import { corruptPage } from "./lmdb-page.js";
import { PageFile } from "./page-file.js";
import { RowCopy, type ScannedRows, STAGE_BYTES } from "./row-copy.js";
import { SHARDS, shardOf } from "./schema.js";

/**
 * Copies the items of a key range at a version straight into a chunk body (field `items` of
 * StateChunk as on the wire). Rows newer than the version, older rows of a key and deleted keys
 * are stepped over; a key with many of them costs one seek.
 */
export class RowScanner {
  readonly #file: PageFile;
  readonly #shards: readonly LeafWalk[];

  constructor(env: GenerationEnv) {
    const file = new PageFile(env.path);
    this.#file = file;
    this.#shards = Array.from(
      { length: SHARDS },
      (_, shard) => new LeafWalk(env, file, `state.${shard.toString(16)}`, STAGE_BYTES),
    );
  }

  /** There is another read transaction. */
  refresh(): void {
    for (const walk of this.#shards) walk.refresh();
  }

  /**
   * Writes the items of `range`, which lies in one shard, into `target` from `at` on.
   * @returns null when there are more than `target` takes.
   * @throws ROW_CORRUPT
   */
  copy(range: KeyHashRange, version: bigint, target: Buffer, at: number): ScannedRows | null {
    const walk = this.#shards[shardOf(range.start)] as LeafWalk;
    const copy = new RowCopy(this.#file, walk.memory, version, target, at);
    let sought = range.start;
    let isMore = walk.seek(sought);
    while (isMore) {
      const end = range.end === null ? walk.nodes : walk.nodesBelow(range.end);
      const seek = copy.take(walk.pageAt, walk.first, end);
      if (copy.isFull) return null;
      if (seek === null) {
        isMore = end === walk.nodes && walk.next();
        continue;
      }
      // A rotten key may lead back: then the walk would never end.
      if (seek.compare(sought) <= 0) throw corruptPage();
      sought = seek;
      isMore = walk.seek(seek);
    }
    return copy.result();
  }

  close(): void {
    this.#file.close();
  }
}
