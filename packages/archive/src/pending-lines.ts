import { TileSums } from "./manifest-stream.js";
import type { SegmentLines } from "./segment-lines.js";
import type { NewTile } from "./tile-line.js";
import { encodePlace, encodeUnplaced } from "./tile-text.js";

/** Tile lines whose pack is still open. */
export class PendingLines {
  readonly sums: TileSums = new TileSums();
  readonly #lines: { readonly start: string; readonly offset: number; readonly length: number }[] =
    [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(tile: NewTile, offset: number, length: number): void {
    const start = encodeUnplaced(tile);
    this.#lines.push({ start, offset, length });
    this.#bytes += start.length;
    this.sums.addTile(tile, length);
  }

  /** The lines, now that the id of their pack is known. */
  placed(pack: string): SegmentLines {
    let text = "";
    for (const { start, offset, length } of this.#lines) {
      text += start.endsWith("}") ? `${start}\n` : `${start}${encodePlace(pack, offset, length)}\n`;
    }
    return { text, sums: this.sums };
  }
}
