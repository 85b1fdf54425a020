import { HoldfastError, type Reason } from "@holdfast/core";

/** Ends of a stream that is sound: its reader goes on where it ended. */
const INTERRUPTIONS: ReadonlySet<Reason> = new Set(["DRAINING", "DEADLINE_EXCEEDED", "STALLED"]);

/**
 * An error that interrupts a stream, with where to go on: `resume_after`, the last tile in the
 * frames before it. An error arrives behind all of them, so who gets it has that tile.
 * @param lastPath path of that tile; "" when none was sent: the error says nothing then.
 */
export function withResumePoint(error: HoldfastError, lastPath: string): HoldfastError {
  if (lastPath === "" || !INTERRUPTIONS.has(error.reason)) return error;
  const { reason, message, retryAfterMs, fieldViolations, cause } = error;
  return new HoldfastError(reason, message, {
    metadata: { ...error.metadata, resume_after: lastPath },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    fieldViolations,
    cause,
  });
}
