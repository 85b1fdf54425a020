import { type FieldViolation, HoldfastError, type Reason } from "@holdfast/core";

/** An error on its way between threads: a structured clone forgets the class of an error. */
export type PackedError =
  | {
      readonly kind: "holdfast";
      readonly reason: Reason;
      readonly message: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly retryAfterMs: number | null;
      readonly fieldViolations: readonly FieldViolation[];
      readonly cause: string | null;
    }
  | { readonly kind: "other"; readonly text: string };

/** Makes an error fit for `postMessage`. */
export function packError(error: unknown): PackedError {
  if (!(error instanceof HoldfastError)) return { kind: "other", text: textOf(error) };
  const { reason, message, metadata, retryAfterMs, fieldViolations, cause } = error;
  return {
    kind: "holdfast",
    reason,
    message,
    metadata,
    retryAfterMs: retryAfterMs ?? null,
    fieldViolations,
    cause: cause === undefined ? null : textOf(cause),
  };
}

/** The error that was packed; one that is not ours becomes an Error with its text. */
export function unpackError(packed: PackedError): Error {
  if (packed.kind === "other") return new Error(packed.text);
  const { reason, message, metadata, retryAfterMs, fieldViolations, cause } = packed;
  return new HoldfastError(reason, message, {
    metadata,
    fieldViolations,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(cause === null ? {} : { cause: new Error(cause) }),
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
