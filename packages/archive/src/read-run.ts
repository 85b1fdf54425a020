import { READ_RUN_BYTES, READ_RUN_TILES_MAX } from "./archive-limits.js";
import { recordEnd } from "./read-record.js";
import type { ChunkLine, TileLine } from "./tile-line.js";

/** Consecutive tiles whose records follow each other in one pack. */
export interface ReadRun {
  readonly lines: readonly TileLine[];
  /** Those that have a body. */
  readonly chunks: readonly ChunkLine[];
  /** From the begin of the first record to the end of the last. */
  readonly bytes: number;
}

/** Cuts the tiles of a manifest into runs; a backup writes most of its records one after another. */
export async function* readRuns(
  lines: AsyncIterable<TileLine>,
): AsyncGenerator<ReadRun, void, undefined> {
  let run: TileLine[] = [];
  let chunks: ChunkLine[] = [];
  for await (const line of lines) {
    if (run.length === READ_RUN_TILES_MAX || !fits(line, chunks)) {
      yield runOf(run, chunks);
      run = [];
      chunks = [];
    }
    run.push(line);
    if (line.kind !== "unchanged") chunks.push(line);
  }
  if (run.length > 0) yield runOf(run, chunks);
}

function runOf(lines: readonly TileLine[], chunks: readonly ChunkLine[]): ReadRun {
  const first = chunks[0];
  const last = chunks.at(-1);
  const isEmpty = first === undefined || last === undefined;
  return { lines, chunks, bytes: isEmpty ? 0 : recordEnd(last) - first.offset };
}

/** Whether a tile can be read together with these. */
function fits(line: TileLine, chunks: readonly ChunkLine[]): boolean {
  const first = chunks[0];
  const last = chunks.at(-1);
  if (line.kind === "unchanged" || first === undefined || last === undefined) return true;
  const follows = line.pack === last.pack && line.offset === recordEnd(last);
  return follows && recordEnd(line) - first.offset <= READ_RUN_BYTES;
}
