import { strict as assert } from "node:assert";
import { LineBytes } from "./line-bytes.js";
import type { NewTile } from "./tile-line.js";
import { TileSums } from "./tile-sums.js";
import { PACK_DIGITS, writeTileLine } from "./tile-text.js";

/** Tile lines of a segment, each with its line feed, and what they add up to. */
export interface SegmentLines {
  /** One behind the other. */
  readonly blocks: readonly Buffer[];
  readonly sums: TileSums;
}

/** Tile lines whose pack is still open: its id is a gap in each of them. */
export class PendingLines {
  readonly sums: TileSums = new TileSums();
  readonly #lines = new LineBytes();

  get bytes(): number {
    return this.#lines.length;
  }

  /** Adds the line of a tile whose body lies there in the pack; it need not have one. */
  add(tile: NewTile, offset: number, length: number): void {
    writeTileLine(this.#lines, tile, offset, length);
    this.sums.addTile(tile, length);
  }

  /** The lines, now that the id of their pack is known; null when no tile has a body. */
  placed(pack: string | null): SegmentLines {
    assert.equal(pack?.length ?? 0, this.#lines.gaps === 0 ? 0 : PACK_DIGITS);
    if (pack !== null) this.#lines.fillGaps(pack);
    return { blocks: this.#lines.blocks, sums: this.sums };
  }
}
