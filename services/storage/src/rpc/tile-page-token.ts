import { isPath } from "@holdfast/merkle";
import { pageTokenInvalid } from "./page-token.js";

/** Where a listing of tiles goes on, and of which state. */
export interface TilePageToken {
  /** 16 bytes. */
  readonly historyId: Buffer;
  readonly version: bigint;
  /** State root at the version, 32 bytes. */
  readonly stateRoot: Buffer;
  /** Path of the last tile given. */
  readonly after: string;
}

/** Another number than that of ListState's tokens, which lead nowhere here. */
const FORMAT = 2;
const HISTORY_AT = 1;
const VERSION_AT = 17;
const ROOT_AT = 25;
const PATH_AT = 57;

/** Base64url of: format u8, history 16, version u64, state root 32, path as text. */
export function encodeTilePageToken(token: TilePageToken): string {
  const bytes = Buffer.alloc(PATH_AT + token.after.length);
  bytes[0] = FORMAT;
  bytes.set(token.historyId, HISTORY_AT);
  bytes.writeBigUInt64BE(token.version, VERSION_AT);
  bytes.set(token.stateRoot, ROOT_AT);
  bytes.write(token.after, PATH_AT, "latin1");
  return bytes.toString("base64url");
}

/** @throws PAGE_TOKEN_INVALID */
export function decodeTilePageToken(text: string): TilePageToken {
  const bytes = Buffer.from(text, "base64url");
  const after = bytes.toString("latin1", PATH_AT);
  const isToken = bytes[0] === FORMAT && after !== "" && isPath(after);
  if (!isToken || bytes.toString("base64url") !== text) throw pageTokenInvalid();
  return {
    historyId: bytes.subarray(HISTORY_AT, VERSION_AT),
    version: bytes.readBigUInt64BE(VERSION_AT),
    stateRoot: bytes.subarray(ROOT_AT, PATH_AT),
    after,
  };
}
