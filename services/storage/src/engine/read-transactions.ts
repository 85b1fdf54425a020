import type { GenerationEnv } from "./generation-env.js";

/** A slot of LMDB's reader table: process, thread, transaction or "-" when none is open. */
const OPEN_READER = /^\s*\d+\s+[0-9a-f]+\s+\d+\s*$/gm;

/**
 * Read transactions that are open in an environment, in all threads and processes: LMDB's own
 * reader table, not a count of ours that could be wrong.
 */
export function countReadTransactions({ root }: Pick<GenerationEnv, "root">): number {
  // Not in lmdb's types.
  const { readerList } = root as unknown as { readerList(this: unknown): string };
  return readerList.call(root).match(OPEN_READER)?.length ?? 0;
}
