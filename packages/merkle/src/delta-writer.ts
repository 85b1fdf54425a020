import type { WrittenChanges } from "./delta-change.js";
import { checkChanges } from "./delta-steps.js";
import { DeltaWalk } from "./delta-walk.js";
import { type DeltaTree, FrontierWriter } from "./frontier-writer.js";
import { WireWriter } from "./wire.js";

/**
 * Writes the bodies of delta tiles, one after the other in the same memory. It does not fold them:
 * for who has the nodes of both states already.
 */
export class DeltaWriter {
  readonly #body: WireWriter = new WireWriter();
  readonly #frontier: FrontierWriter = new FrontierWriter(this.#body);
  readonly #walk: DeltaWalk<number> = new DeltaWalk<number>(this.#frontier);

  /**
   * Writes fields `changes` and `frontier` of DeltaChunk from a tile's changes (at least one,
   * ascending by key hash, each a real difference) and the later state.
   * @returns a view, good until the next tile.
   * @throws PROOF_INVALID when the changes do not fit the path or do not ascend.
   */
  write(path: string, changes: WrittenChanges, view: DeltaTree): Buffer {
    const { count } = changes;
    this.#body.clear();
    for (let change = 0; change < count; change++) changes.write(change, this.#body);
    checkChanges(path, changes, this.#walk);
    this.#frontier.begin(changes, view);
    this.#walk.walk(path, 0, count);
    return this.#body.finish();
  }
}
