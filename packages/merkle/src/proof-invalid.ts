import { HoldfastError } from "@holdfast/core";

/** PROOF_INVALID: bytes from outside do not prove what they claim. */
export function proofInvalid(
  message: string,
  metadata: Readonly<Record<string, string>> = {},
): HoldfastError {
  return new HoldfastError("PROOF_INVALID", message, { metadata });
}
