import { HoldfastError } from "@holdfast/core";
import { decodeStateItem, type StateItem } from "@holdfast/merkle";

/** The item in a row that was read from disk. @throws ROW_CORRUPT when it is none. */
export function storedItem(row: Buffer): StateItem {
  try {
    return decodeStateItem(row);
  } catch (cause) {
    throw new HoldfastError("ROW_CORRUPT", "A row of the state does not parse. Run fsck.", {
      cause,
    });
  }
}
