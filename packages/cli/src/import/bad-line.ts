import { HoldfastError } from "@holdfast/core";

/** The error of a line that cannot be imported; nothing of its block is committed. */
export function badLine(number: number, why: string): HoldfastError {
  return new HoldfastError("INVALID_REQUEST", `Line ${number} cannot be imported: ${why}.`, {
    metadata: { line: `${number}` },
  });
}
