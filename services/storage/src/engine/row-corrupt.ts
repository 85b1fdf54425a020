import { HoldfastError } from "@holdfast/core";

/** ROW_CORRUPT for what is not as the tree says. */
export function rowCorrupt(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError("ROW_CORRUPT", `${what} is not what the tree says. Run fsck.`, {
    cause,
  });
}
