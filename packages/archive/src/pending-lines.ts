import { strict as assert } from "node:assert";
import { LineBytes } from "./line-bytes.js";
import { TileSums } from "./manifest-stream.js";
import type { NewTile } from "./tile-line.js";
import { PACK_DIGITS, writeTileLine } from "./tile-text.js";

/** Tile lines of a segment, each with its line feed, and what they add up to. */
export interface SegmentLines {
  readonly bytes: Buffer;
  readonly sums: TileSums;
}

/** Tile lines whose pack is still open. */
export class PendingLines {
  readonly sums: TileSums = new TileSums();
  readonly #lines = new LineBytes();
  /** Where the id of the pack belongs. */
  readonly #packAt: number[] = [];

  get bytes(): number {
    return this.#lines.length;
  }

  add(tile: NewTile, offset: number, length: number): void {
    const packAt = writeTileLine(this.#lines, tile, { offset, length });
    if (packAt !== null) this.#packAt.push(packAt);
    this.sums.addTile(tile, length);
  }

  /** The lines, now that the id of their pack is known; null when no tile has a body. */
  placed(pack: string | null): SegmentLines {
    assert.equal(pack?.length ?? 0, this.#packAt.length === 0 ? 0 : PACK_DIGITS);
    for (const at of this.#packAt) this.#lines.fill(at, pack ?? "");
    return { bytes: this.#lines.bytes, sums: this.sums };
  }
}
