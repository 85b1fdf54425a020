/** What JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Values of results: numbers of 64 bits and bytes beside what JSON knows. */
export type Plain =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/**
 * The JSON form of a result: bytes as lower-case hex, 64-bit numbers as numbers (versions stay
 * below 2^53), times as RFC 3339 UTC; undefined is left out.
 */
export function toJson(value: Plain): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object") return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(toJson);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([key, field]) => [key, toJson(field as Plain)]));
}
