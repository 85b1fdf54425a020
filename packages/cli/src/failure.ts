import { ArchiveError, type ArchiveErrorCode } from "@holdfast/archive";
import { HoldfastError } from "@holdfast/core";
import { FileError } from "./file-error.js";
import { Interrupted } from "./interrupted.js";

/** A failure as it is printed. */
export interface Failure {
  /** What scripts match on. */
  readonly reason: string;
  /** The gRPC status name of such a failure. */
  readonly code: string;
  /** One plain sentence: what happened and what to do next. */
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** When to try again, seconds. */
  readonly retryAfterSeconds: number | null;
}

/** Statuses that only a server in front of ours gives. */
const CREDENTIAL_CODES: Readonly<Record<number, string>> = {
  7: "PERMISSION_DENIED",
  16: "UNAUTHENTICATED",
};

/** The status a service would give for each failure of an archive. */
const ARCHIVE_CODES: Readonly<Record<ArchiveErrorCode, string>> = {
  ARCHIVE_NOT_FOUND: "NOT_FOUND",
  NOT_AN_ARCHIVE: "FAILED_PRECONDITION",
  ARCHIVE_FORMAT_NEWER: "FAILED_PRECONDITION",
  ARCHIVE_LOCATION_UNSUPPORTED: "INVALID_ARGUMENT",
  LEDGER_MISMATCH: "FAILED_PRECONDITION",
  SNAPSHOT_NOT_FOUND: "NOT_FOUND",
  BACKUP_INCOMPLETE: "INTERNAL",
  CHUNK_MISMATCH: "DATA_LOSS",
  ARCHIVE_BUSY: "ABORTED",
  LOCK_UNAVAILABLE: "FAILED_PRECONDITION",
  ARCHIVE_DISK_FULL: "RESOURCE_EXHAUSTED",
  ARCHIVE_IO: "INTERNAL",
  DAMAGED: "DATA_LOSS",
};

/** How an error is told. */
export function failureOf(error: unknown): Failure {
  if (error instanceof HoldfastError) return ofHoldfastError(error);
  if (error instanceof ArchiveError) {
    const { code: reason, message, metadata } = error;
    return { ...failure(reason, ARCHIVE_CODES[reason], message), metadata };
  }
  if (error instanceof Interrupted) {
    return failure("INTERRUPTED", "CANCELLED", `${error.message} Run it again to go on.`);
  }
  if (error instanceof FileError) {
    const metadata = { errno: error.errno, path: error.file };
    return { ...failure("FILE_ERROR", "FAILED_PRECONDITION", error.message), metadata };
  }
  const text = error instanceof Error ? error.message : String(error);
  return failure("INTERNAL", "INTERNAL", `A fault of ours: ${text}`);
}

function ofHoldfastError(error: HoldfastError): Failure {
  const { cause } = error;
  const code = cause instanceof Error ? (cause as { code?: unknown }).code : undefined;
  const credentials = typeof code === "number" ? CREDENTIAL_CODES[code] : undefined;
  return {
    reason: credentials ?? error.reason,
    code: credentials ?? error.status,
    message: error.message,
    metadata: error.metadata,
    retryAfterSeconds: error.retryAfterMs === undefined ? null : error.retryAfterMs / 1000,
  };
}

function failure(reason: string, code: string, message: string): Failure {
  return { reason, code, message, metadata: {}, retryAfterSeconds: null };
}
