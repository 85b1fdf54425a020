import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { googleRpcErrorDetails, googleRpcStatus } from "@holdfast/api";
import { HoldfastError, REASONS, type Reason } from "@holdfast/core";
import { ERROR_DOMAIN } from "./error-to-status.js";
import { DETAILS_KEY, keepWireStatus } from "./wire-status.js";

/**
 * The error a server of ours sent, as it was thrown there; or, for what grpc-js or a foreign
 * server made, the reason that tells the caller what to do. The original is the `cause`.
 *
 * CANCELLED here only means that the call ended so; whether the caller asked for it, it knows
 * itself (`callUnary` and its siblings do).
 */
export function fromServiceError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (!isServiceError(error)) {
    return new HoldfastError(
      "INTERNAL",
      "The call failed for a reason that is not the service's.",
      {
        cause: error,
      },
    );
  }
  const [packed] = error.metadata?.get(DETAILS_KEY) ?? [];
  if (!(packed instanceof Buffer)) return fromCode(error);
  const made = fromDetails(error, packed) ?? fromCode(error);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, packed);
  keepWireStatus(made, { code: error.code, details: error.details, metadata });
  return made;
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    typeof (error as Partial<ServiceError>).code === "number" &&
    typeof (error as Partial<ServiceError>).details === "string"
  );
}

function fromDetails(error: ServiceError, packed: Buffer): HoldfastError | null {
  let reason: string | null = null;
  let metadata: Record<string, string> = {};
  let retryAfterMs: number | undefined;
  let fieldViolations: readonly googleRpcErrorDetails.BadRequest_FieldViolation[] = [];
  try {
    for (const detail of googleRpcStatus.Status.decode(packed).details) {
      const { ErrorInfo, RetryInfo, BadRequest } = googleRpcErrorDetails;
      if (detail.typeUrl.endsWith("/google.rpc.ErrorInfo")) {
        const info = ErrorInfo.decode(detail.value);
        if (info.domain === ERROR_DOMAIN) ({ reason, metadata } = info);
      } else if (detail.typeUrl.endsWith("/google.rpc.RetryInfo")) {
        const delay = RetryInfo.decode(detail.value).retryDelay;
        if (delay) retryAfterMs = Number(delay.seconds) * 1000 + delay.nanos / 1_000_000;
      } else if (detail.typeUrl.endsWith("/google.rpc.BadRequest")) {
        fieldViolations = BadRequest.decode(detail.value).fieldViolations;
      }
    }
  } catch {
    return null;
  }
  if (reason === null || !isReason(reason)) return null;
  return new HoldfastError(reason, error.details, {
    metadata,
    fieldViolations,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

/** How grpc-js words a connection that broke under a call (1.14.7). */
const BROKEN_OFF = /RST_STREAM|session|GOAWAY|without gRPC status|connection|socket/i;
const TOO_LARGE = /message larger than|size larger than|larger than max/i;

function fromCode(error: ServiceError): HoldfastError {
  const text = error.details;
  switch (error.code) {
    case status.CANCELLED:
      return made("CANCELLED", "The call was cancelled.", error);
    case status.DEADLINE_EXCEEDED:
      return made("DEADLINE_EXCEEDED", "The call's time is over.", error);
    case status.UNAVAILABLE:
      return brokenOff(error);
    case status.RESOURCE_EXHAUSTED:
      return TOO_LARGE.test(text)
        ? made("MESSAGE_TOO_LARGE", "A message is larger than its receiver takes.", error)
        : brokenOff(error);
    case status.INTERNAL:
    case status.UNKNOWN:
      if (BROKEN_OFF.test(text)) return brokenOff(error);
      break;
    case status.INVALID_ARGUMENT:
      return made("INVALID_REQUEST", text, error);
    case status.UNIMPLEMENTED:
      return made("INTERNAL", "The service does not know this call; it may be older.", error);
    default:
  }
  return made("INTERNAL", `The service failed: ${text}`, error);
}

/** The error of a call whose server went away under it, or was never reached. */
export function brokenOff(cause: unknown): HoldfastError {
  const text = "The service cannot be reached, or broke the call off. Try again later.";
  return made("STORAGE_UNAVAILABLE", text, cause);
}

function made(reason: Reason, message: string, cause: unknown): HoldfastError {
  return new HoldfastError(reason, message, { cause });
}
