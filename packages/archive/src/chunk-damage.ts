import { pathRange } from "@holdfast/merkle";
import type { Damage } from "./archive-error.js";
import { packFile } from "./pack-format.js";
import type { ChunkLine } from "./tile-line.js";

/** Damage of a tile's body: names pack, chunk and key range. */
export function chunkDamage(snapshot: string, line: ChunkLine, message: string): Damage {
  const { start, end } = pathRange(line.path);
  return {
    part: "chunk",
    file: packFile(line.pack),
    message: `the chunk of tile ${line.path}: ${message}`,
    snapshot,
    pack: line.pack,
    chunk: line.chunk.toString("hex"),
    path: line.path,
    keyRange: { start: start.toString("hex"), end: end?.toString("hex") ?? null },
  };
}
