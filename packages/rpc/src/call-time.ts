import type { Deadline, ServerMethodDefinition } from "@grpc/grpc-js";
import type { CallTimes } from "./call-context.js";
import { wallMs } from "./wall-time.js";

/**
 * Our deadline fires this much before the client's, so that it is our status, with details,
 * that ends the call and not grpc-js's own timer, which can leave a busy stream half open.
 */
const DEADLINE_LEAD_MS = 20;

/** Milliseconds a call may take: what the client gave, within the limits. */
export function timeLeftMs(
  given: Deadline,
  method: ServerMethodDefinition<unknown, unknown>,
  times: CallTimes,
): number {
  const isStream = method.requestStream || method.responseStream;
  if (Number(given) === Number.POSITIVE_INFINITY) {
    return isStream ? times.streamDefaultMs : times.unaryDefaultMs;
  }
  // grpc-js computes the deadline from the wall clock.
  const leftMs = Number(given) - wallMs();
  const leadMs = Math.min(DEADLINE_LEAD_MS, leftMs / 10);
  return Math.min(leftMs - leadMs, isStream ? times.streamMaxMs : times.unaryMaxMs);
}
