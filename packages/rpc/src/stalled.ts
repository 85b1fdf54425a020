import { HoldfastError } from "@holdfast/core";

/** The error of a call whose peer makes no progress. */
export function stalled(stallMs: number): HoldfastError {
  const seconds = String(stallMs / 1000);
  return new HoldfastError(
    "STALLED",
    `The peer made no progress for ${seconds} s. Read or send faster, or go on where it ended.`,
    { metadata: { stall_seconds: seconds } },
  );
}
