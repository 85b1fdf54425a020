import { HoldfastError } from "@holdfast/core";

/** Where a listing goes on, and of which state. */
export interface PageToken {
  /** 16 bytes. */
  readonly historyId: Buffer;
  readonly version: bigint;
  /** State root at the version, 32 bytes. */
  readonly stateRoot: Buffer;
  /** The last key hash given, 32 bytes. */
  readonly after: Buffer;
}

const FORMAT = 1;
const TOKEN_BYTES: number = 1 + 16 + 8 + 32 + 32;

/** Base64url of: format u8, history 16, version u64, state root 32, key hash 32. */
export function encodePageToken({ historyId, version, stateRoot, after }: PageToken): string {
  const bytes = Buffer.alloc(TOKEN_BYTES);
  bytes[0] = FORMAT;
  bytes.set(historyId, 1);
  bytes.writeBigUInt64BE(version, 17);
  bytes.set(stateRoot, 25);
  bytes.set(after, 57);
  return bytes.toString("base64url");
}

/** @throws PAGE_TOKEN_INVALID */
export function decodePageToken(text: string): PageToken {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== TOKEN_BYTES || bytes[0] !== FORMAT || bytes.toString("base64url") !== text) {
    throw pageTokenInvalid();
  }
  return {
    historyId: bytes.subarray(1, 17),
    version: bytes.readBigUInt64BE(17),
    stateRoot: bytes.subarray(25, 57),
    after: bytes.subarray(57),
  };
}

/** The error for a token that this call did not give. */
export function pageTokenInvalid(): HoldfastError {
  return new HoldfastError(
    "PAGE_TOKEN_INVALID",
    "The page token is not one this call gave. List again from the first page.",
  );
}
