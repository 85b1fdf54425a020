import { randomUUID } from "node:crypto";
import { Metadata, status } from "@grpc/grpc-js";
import { type googleProtobufAny, googleRpcErrorDetails, googleRpcStatus } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { DETAILS_KEY, keptWireStatus, type WireStatus } from "./wire-status.js";

/** `google.rpc.ErrorInfo.domain` of every error of ours. */
export const ERROR_DOMAIN = "holdfast";

/** Trailers stay far below the 8 KiB that proxies take. */
const MESSAGE_BYTES_MAX = 1024;
const METADATA_ENTRIES_MAX = 16;
const METADATA_VALUE_BYTES_MAX = 256;
const VIOLATIONS_MAX = 8;

/** An error that is not ours, as the caller may see it: its text stays in the log. */
export function incident(cause: unknown): HoldfastError {
  const id = randomUUID();
  return new HoldfastError(
    "INTERNAL",
    `The service failed. Its operator finds the cause in the log under incident ${id}.`,
    { metadata: { incident: id }, cause },
  );
}

/**
 * The gRPC status of an error, with `google.rpc` details: ErrorInfo always, RetryInfo and
 * BadRequest where they say something. An error that another server sent goes on as it came.
 * What is no HoldfastError becomes INTERNAL with an incident id, and `report` gets it for the log.
 */
export function toServiceError(
  error: unknown,
  report?: (incident: HoldfastError) => void,
): WireStatus {
  if (!(error instanceof HoldfastError)) {
    const hidden = incident(error);
    report?.(hidden);
    return toServiceError(hidden);
  }
  const kept = keptWireStatus(error);
  if (kept !== undefined) return kept;
  const code = status[error.status];
  const message = clip(error.message, MESSAGE_BYTES_MAX);
  const body = googleRpcStatus.Status.encode({ code, message, details: detailsOf(error) }).finish();
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(body));
  return { code, details: message, metadata };
}

function detailsOf(error: HoldfastError): googleProtobufAny.Any[] {
  const entries = Object.entries(error.metadata)
    .slice(0, METADATA_ENTRIES_MAX)
    .map(([key, value]) => [clip(key, 64), clip(value, METADATA_VALUE_BYTES_MAX)]);
  const { ErrorInfo, RetryInfo, BadRequest } = googleRpcErrorDetails;
  const details = [
    any(
      "google.rpc.ErrorInfo",
      ErrorInfo.encode({
        reason: error.reason,
        domain: ERROR_DOMAIN,
        metadata: Object.fromEntries(entries) as Record<string, string>,
      }).finish(),
    ),
  ];
  if (error.retryAfterMs !== undefined) {
    const wholeMs = Math.ceil(error.retryAfterMs);
    const retryDelay = {
      seconds: BigInt(Math.floor(wholeMs / 1000)),
      nanos: (wholeMs % 1000) * 1_000_000,
    };
    details.push(any("google.rpc.RetryInfo", RetryInfo.encode({ retryDelay }).finish()));
  }
  if (error.fieldViolations.length > 0) {
    const fieldViolations = error.fieldViolations.slice(0, VIOLATIONS_MAX).map((violation) => ({
      field: clip(violation.field, METADATA_VALUE_BYTES_MAX),
      description: clip(violation.description, METADATA_VALUE_BYTES_MAX),
    }));
    details.push(any("google.rpc.BadRequest", BadRequest.encode({ fieldViolations }).finish()));
  }
  return details;
}

function any(type: string, value: Uint8Array): googleProtobufAny.Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(value) };
}

/**
 * The text in at most so many bytes, well-formed: grpc-js throws out of the event loop when it
 * encodes a lone surrogate.
 */
function clip(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text, "utf8");
  let end = Math.min(bytes.length, bytesMax);
  // Do not cut inside a character: back to the first byte of the one that does not fit.
  while (end < bytes.length && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
