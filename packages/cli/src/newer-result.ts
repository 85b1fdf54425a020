import type { LeftOut } from "@holdfast/coordinator/archive";
import type { Plain } from "./plain.js";

/** A manifest of a newer format as commands print it. */
export function newerResult({ file, error }: LeftOut): { readonly [key: string]: Plain } {
  return { file, format: Number(error.metadata["format"]) };
}
