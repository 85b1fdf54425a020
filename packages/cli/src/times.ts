import type { googleProtobufTimestamp } from "@holdfast/api";

/** A time of the wire; null when it is unset. */
export function dateOf(time: googleProtobufTimestamp.Timestamp | undefined): Date | null {
  if (time === undefined) return null;
  return new Date(Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000));
}
