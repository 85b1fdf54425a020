import type { Archive } from "@holdfast/archive";
import { compareKeyHash, decodeStateItem } from "@holdfast/merkle";
import { ChainReader } from "./chain-reader.js";
import { ItemReader } from "./item-reader.js";
import type { Chain } from "./restore-choice.js";

/** A key in which two states differ. */
export interface Difference {
  readonly key: Buffer;
  /** Its value in the second state; null when only the first has the key. */
  readonly value: Buffer | null;
}

/**
 * The keys in which the states of two chains differ, in ascending order of key hash, with what the
 * second has. Reads both states whole, some tiles at a time.
 * @throws ArchiveError, DamageError, PROOF_INVALID; the signal's reason.
 */
export async function* diffSnapshots(
  archive: Archive,
  first: Chain,
  second: Chain,
  signal: AbortSignal,
): AsyncGenerator<Difference, void, undefined> {
  await using firstReader = await ChainReader.open(archive, first);
  await using secondReader = await ChainReader.open(archive, second);
  const before = new ItemReader(firstReader.items());
  const after = new ItemReader(secondReader.items());
  try {
    for (;;) {
      const old = before.loaded() ?? (await before.peek());
      const now = after.loaded() ?? (await after.peek());
      if (old === null && now === null) return;
      signal.throwIfAborted();
      const order = old === null ? 1 : now === null ? -1 : compareKeyHash(old.keyHash, now.keyHash);
      if (order <= 0) before.step();
      if (order >= 0) after.step();
      if (order < 0 && old !== null) yield { key: decodeStateItem(old.item).key, value: null };
      else if (now !== null && (order > 0 || old?.item.equals(now.item) === false)) {
        yield decodeStateItem(now.item);
      }
    }
  } finally {
    await before.close();
    await after.close();
  }
}
