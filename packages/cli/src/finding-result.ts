import type { Finding } from "@holdfast/coordinator/archive";
import type { Plain } from "./plain.js";

/** A damaged place of an archive as commands print it. */
export function findingResult(finding: Finding): { readonly [key: string]: Plain } {
  const { keyRange, ...plain } = finding;
  return {
    ...plain,
    key_hash_start: keyRange?.start ?? null,
    key_hash_end: keyRange?.end ?? null,
  };
}

/** A damaged place of an archive for people. */
export function findingLine({ file, message, pack, chunk, path, keyRange }: Finding): string {
  const place = [
    pack === undefined ? null : `pack ${pack}`,
    chunk === undefined ? null : `chunk ${chunk}`,
    path === undefined ? null : `tile ${path}`,
    keyRange === undefined
      ? null
      : `key hashes from ${keyRange.start} to ${keyRange.end ?? "the end"}`,
  ].filter((part) => part !== null);
  return `${file}: ${message}${place.length === 0 ? "" : ` (${place.join(", ")})`}`;
}
