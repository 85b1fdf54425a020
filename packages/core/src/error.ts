import { REASONS, type Reason, type StatusName } from "./reason.js";

/** What an error carries besides its reason. */
export interface ErrorOptions {
  /** Every variable of the message, as text; u64 as decimal. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When a retry makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Which request fields are wrong. */
  readonly fieldViolations?: readonly FieldViolation[];
  /** Kept for the log, never sent. */
  readonly cause?: unknown;
}

/** One wrong field of a request. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/**
 * An expected failure. Its reason is the interface: status, exit code and `docs/errors.md` follow
 * from it. The message says in one plain sentence what happened and what to do next.
 */
export class HoldfastError extends Error {
  override readonly name: string = "HoldfastError";
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly fieldViolations: readonly FieldViolation[];

  constructor(reason: Reason, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.retryAfterMs = options.retryAfterMs;
    this.fieldViolations = options.fieldViolations ?? [];
  }

  /** The gRPC status this error is sent with. */
  get status(): StatusName {
    return REASONS[this.reason];
  }
}

/** INVALID_REQUEST for one wrong field of a request. */
export function invalidField(field: string, description: string): HoldfastError {
  return new HoldfastError("INVALID_REQUEST", `${field}: ${description}.`, {
    metadata: { field },
    fieldViolations: [{ field, description }],
  });
}
