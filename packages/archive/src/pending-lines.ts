import { strict as assert } from "node:assert";
import { type Gap, LineBytes } from "./line-bytes.js";
import { TileSums } from "./manifest-stream.js";
import type { NewTile } from "./tile-line.js";
import { PACK_DIGITS, writeTileLine } from "./tile-text.js";

/** Tile lines of a segment, each with its line feed, and what they add up to. */
export interface SegmentLines {
  /** One behind the other. */
  readonly blocks: readonly Buffer[];
  readonly sums: TileSums;
}

/** Tile lines whose pack is still open. */
export class PendingLines {
  readonly sums: TileSums = new TileSums();
  readonly #lines = new LineBytes();
  /** Where the id of the pack belongs. */
  readonly #gaps: Gap[] = [];

  get bytes(): number {
    return this.#lines.length;
  }

  add(tile: NewTile, offset: number, length: number): void {
    const gap = writeTileLine(this.#lines, tile, { offset, length });
    if (gap !== null) this.#gaps.push(gap);
    this.sums.addTile(tile, length);
  }

  /** The lines, now that the id of their pack is known; null when no tile has a body. */
  placed(pack: string | null): SegmentLines {
    assert.equal(pack?.length ?? 0, this.#gaps.length === 0 ? 0 : PACK_DIGITS);
    for (const { block, at } of this.#gaps) block.write(pack ?? "", at, "latin1");
    return { blocks: this.#lines.blocks, sums: this.sums };
  }
}
