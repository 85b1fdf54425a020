import { DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { DigestedLines } from "./digested-lines.js";
import { decodeFoot } from "./foot-text.js";
import { TileSums } from "./manifest-stream.js";
import type { TileLine } from "./tile-line.js";
import { decodeTileLine } from "./tile-text.js";

/** Tile lines of a segment, each with its line feed, and what they add up to. */
export interface SegmentLines {
  readonly text: string;
  readonly sums: TileSums;
}

/** Tile lines as they were read, without their line feeds. */
export interface ReadLines {
  readonly texts: readonly string[];
  readonly tiles: readonly TileLine[];
}

/**
 * The lines of a segment's file, a batch at a time; `pack` is the one that its name says.
 * @throws DamageError when the file is not what was written.
 */
export async function* readSegment(
  files: ArchiveFiles,
  name: string,
  pack: string | null,
): AsyncGenerator<ReadLines> {
  const file = await files.openRead(name);
  const damaged = (message: string): DamageError =>
    new DamageError({ part: "manifest", file: name, message });
  if (file === null) throw damaged("the file is missing.");
  try {
    const lines = new DigestedLines(file);
    for await (const texts of lines.batches()) {
      const tiles = texts.flatMap((text) => decodeTileLine(text) ?? []);
      const strange = tiles.some((tile) => tile.kind !== "unchanged" && tile.pack !== pack);
      if (tiles.length < texts.length || strange) throw damaged("a line is not a tile's.");
      yield { texts, tiles };
    }
    const foot = decodeFoot(lines.last.trimEnd());
    if (foot === null || lines.sha256?.equals(foot.sha256) !== true) {
      throw damaged("its bytes do not have the digest it ends with.");
    }
  } finally {
    await file.close();
  }
}

/** The lines as a segment's writer has them. */
export function linesOf({ texts, tiles }: ReadLines): SegmentLines {
  const sums = new TileSums();
  for (const tile of tiles) sums.add(tile);
  return { text: texts.map((text) => `${text}\n`).join(""), sums };
}
