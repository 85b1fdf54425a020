import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** Longest duration taken, milliseconds: a week. */
const DURATION_MS_MAX: number = 7 * 24 * 3_600_000;

/**
 * Reads a duration like `500ms`, `30s`, `10m` or `1.5h` (a bare number is seconds), in
 * milliseconds.
 * @throws InvalidArgumentError, which commander reports as a wrong command line.
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text);
  const ms = Math.round(Number(match?.[1]) * (UNIT_MS[match?.[2] ?? "s"] ?? 0));
  if (match !== null && ms >= 0 && ms <= DURATION_MS_MAX) return ms;
  throw new InvalidArgumentError(
    'A duration is like "500ms", "30s", "10m" or "1h", at most 7 days.',
  );
}
