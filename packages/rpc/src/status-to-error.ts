import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { googleRpcErrorDetails, googleRpcStatus } from "@holdfast/api";
import { HoldfastError, REASONS, type Reason } from "@holdfast/core";
import { ERROR_DOMAIN } from "./error-to-status.js";
import { DETAILS_KEY, keepWireStatus } from "./wire-status.js";

/** Whom a client calls, as its errors name it. */
export interface Endpoint {
  /** What it is to who reads the error: "storage", "gateway". */
  readonly service: string;
  /** `host:port`. */
  readonly address: string;
}

/**
 * The error a server of ours sent, as it was thrown there; or, for what grpc-js or a foreign
 * server made, the reason that tells the caller what to do. The original is the `cause`.
 *
 * CANCELLED here only means that the call ended so; whether the caller asked for it, it knows
 * itself (`callUnary` and its siblings do).
 * @param endpoint who was called.
 */
export function fromServiceError(error: unknown, endpoint?: Endpoint): HoldfastError {
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
  if (!(packed instanceof Buffer)) return fromCode(error, endpoint);
  const made = fromDetails(error, packed) ?? fromCode(error, endpoint);
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

function fromCode(error: ServiceError, endpoint: Endpoint | undefined): HoldfastError {
  const text = error.details;
  switch (error.code) {
    case status.CANCELLED:
      return made("CANCELLED", "The call was cancelled.", error);
    case status.DEADLINE_EXCEEDED:
      return made(
        "DEADLINE_EXCEEDED",
        `The time of a call to ${nameOf(endpoint)} is over.`,
        error,
        endpoint,
      );
    case status.UNAVAILABLE:
      return brokenOff(error, endpoint);
    case status.RESOURCE_EXHAUSTED:
      return TOO_LARGE.test(text)
        ? made("MESSAGE_TOO_LARGE", "A message is larger than its receiver takes.", error)
        : brokenOff(error, endpoint);
    case status.INTERNAL:
    case status.UNKNOWN:
      if (BROKEN_OFF.test(text)) return brokenOff(error, endpoint);
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
export function brokenOff(cause: unknown, endpoint?: Endpoint): HoldfastError {
  const text = `Cannot reach ${nameOf(endpoint)}, or it broke the call off: see that it runs there.`;
  return made("STORAGE_UNAVAILABLE", text, cause, endpoint);
}

function nameOf(endpoint: Endpoint | undefined): string {
  if (endpoint === undefined) return "the service";
  return `the ${endpoint.service} service at ${endpoint.address}`;
}

function made(reason: Reason, message: string, cause: unknown, endpoint?: Endpoint): HoldfastError {
  return new HoldfastError(reason, message, { cause, metadata: { ...endpoint } });
}
