import { DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { DigestedLines, splitLines } from "./digested-lines.js";
import { decodeFoot } from "./foot-text.js";
import type { TileLine } from "./tile-line.js";
import { decodeTileLine } from "./tile-text.js";

/**
 * The tile lines of a segment's file as they are, with their line feeds, some at a time.
 * @throws DamageError, behind the last, when the file is not what was written.
 */
export async function* readSegmentLines(files: ArchiveFiles, name: string): AsyncGenerator<Buffer> {
  const file = await files.openRead(name);
  if (file === null) throw damaged(name, "the file is missing.");
  try {
    const lines = new DigestedLines(file);
    yield* lines.whole();
    const foot = decodeFoot(lines.last.trimEnd());
    if (foot === null || lines.sha256?.equals(foot.sha256) !== true) {
      throw damaged(name, "its bytes do not have the digest it ends with.");
    }
  } finally {
    await file.close();
  }
}

/**
 * The tiles of a segment's file, some at a time; `pack` is the one that its name says.
 * @throws DamageError when the file is not what was written.
 */
export async function* readSegment(
  files: ArchiveFiles,
  name: string,
  pack: string | null,
): AsyncGenerator<TileLine[]> {
  for await (const lines of readSegmentLines(files, name)) {
    const texts = splitLines(lines);
    const tiles = texts.flatMap((text) => decodeTileLine(text) ?? []);
    const strange = tiles.some((tile) => tile.kind !== "unchanged" && tile.pack !== pack);
    if (tiles.length < texts.length || strange) throw damaged(name, "a line is not a tile's.");
    yield tiles;
  }
}

function damaged(name: string, message: string): DamageError {
  return new DamageError({ part: "manifest", file: name, message });
}
