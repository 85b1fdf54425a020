import { HoldfastError } from "@holdfast/core";

/** Tells a job that runs whether nobody wants it any more. */
export type IsCancelled = () => boolean;

/** Passes on what `source` gives until the job is cancelled. @throws CANCELLED */
export function* untilCancelled<T>(
  source: Iterable<T>,
  isCancelled: IsCancelled,
): Generator<T, void, undefined> {
  for (const element of source) {
    throwIfCancelled(isCancelled);
    yield element;
  }
}

/** @throws CANCELLED */
export function throwIfCancelled(isCancelled: IsCancelled): void {
  if (isCancelled()) throw new HoldfastError("CANCELLED", "The caller went away.");
}
