import { systemClock } from "@holdfast/core";

/**
 * Milliseconds since 1970 on this machine's clock: what grpc-js counts deadlines in, whatever
 * clock is injected for our own rules.
 */
export function wallMs(): number {
  return Number(systemClock.wallUs() / 1000n);
}
