import type { storage } from "@holdfast/api";
import { type BlockShape, type ImportBlock, importBlocks } from "./import-blocks.js";

/** Lines that an earlier run had committed, and the versions they got. */
export interface LinesThere {
  readonly firstLine: number;
  readonly lastLine: number;
  readonly firstVersion: bigint;
  readonly lastVersion: bigint;
}

/** What an import did, so far or in all. */
export interface ImportReport {
  lines: number;
  blocksCommitted: number;
  transactionsCommitted: number;
  blocksThere: number;
  /** Contiguous stretches, at most 1,000. */
  readonly there: LinesThere[];
  /** Of the last block. */
  last: storage.CommitBlockResponse | null;
}

/** Commits a block; a repeat of a request id gets the first answer. */
export type CommitBlock = (block: ImportBlock) => Promise<storage.CommitBlockResponse>;

/** A stretch of lines is told apart from the next no longer than this. */
const STRETCHES_MAX = 1_000;

/**
 * Commits an NDJSON input block by block, each one acknowledged before the next is sent; the next
 * is read meanwhile. `report` is kept up to date, so that it tells what was done when this throws.
 * @throws INVALID_REQUEST for a bad line, of whose block nothing is committed; what `commit`
 * throws.
 */
export async function importLedger(
  input: AsyncIterable<Buffer> | Iterable<Buffer>,
  shape: BlockShape,
  commit: CommitBlock,
  report: ImportReport,
): Promise<void> {
  const blocks = importBlocks(input, shape);
  try {
    for (let next = await blocks.next(); next.done !== true; ) {
      const block = next.value;
      const following = blocks.next();
      // Looked at when this block is committed; until then nobody else handles its failure.
      following.catch(() => undefined);
      note(report, block, await commit(block));
      next = await following;
    }
  } finally {
    // Not awaited: it may wait for an input that nobody will end.
    blocks.return().catch(() => undefined);
  }
}

/** A report of nothing. */
export function emptyReport(): ImportReport {
  return {
    lines: 0,
    blocksCommitted: 0,
    transactionsCommitted: 0,
    blocksThere: 0,
    there: [],
    last: null,
  };
}

function note(report: ImportReport, block: ImportBlock, answer: storage.CommitBlockResponse): void {
  report.lines = block.lastLine;
  report.last = answer;
  if (!answer.repeatedRequest) {
    report.blocksCommitted += 1;
    report.transactionsCommitted += block.transactions.length;
    return;
  }
  report.blocksThere += 1;
  const stretch: LinesThere = {
    firstLine: block.firstLine,
    lastLine: block.lastLine,
    firstVersion: answer.firstVersion,
    lastVersion: answer.committedVersion,
  };
  const before = report.there.at(-1);
  if (
    before !== undefined &&
    before.lastLine + 1 === stretch.firstLine &&
    (before.lastVersion + 1n === stretch.firstVersion || report.there.length === STRETCHES_MAX)
  ) {
    report.there[report.there.length - 1] = {
      ...before,
      lastLine: stretch.lastLine,
      lastVersion: stretch.lastVersion,
    };
  } else if (report.there.length < STRETCHES_MAX) {
    report.there.push(stretch);
  }
}
