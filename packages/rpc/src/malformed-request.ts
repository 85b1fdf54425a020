import { HoldfastError } from "@holdfast/core";

/**
 * Stands for a request that could not be decoded, so that the caller hears INVALID_ARGUMENT from
 * our handler and not INTERNAL from grpc-js.
 */
class MalformedRequest {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** The same decoder, which returns a stand-in instead of throwing. */
export function tolerant<T>(decode: (bytes: Buffer) => T): (bytes: Buffer) => T {
  return (bytes) => {
    try {
      return decode(bytes);
    } catch (error) {
      return new MalformedRequest(error) as T;
    }
  };
}

/** @throws INVALID_REQUEST for a stand-in of `tolerant`. */
export function wellFormed<T>(request: T): T {
  if (!(request instanceof MalformedRequest)) return request;
  throw new HoldfastError("INVALID_REQUEST", "The request is not a valid message of this method.", {
    cause: request.cause,
  });
}
