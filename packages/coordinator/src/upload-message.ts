import { restore } from "@holdfast/api";
import { varintBytes, writeVarint } from "@holdfast/merkle";

/** A part of a tile on its way into a store. */
export interface UploadPart {
  readonly path: string;
  readonly data: Buffer;
  /** Whether the tile is complete with it. */
  readonly last: boolean;
}

// Fields of UploadStateTilesRequest and TilePart.
const TAG_TILE_PART = 0x12;
const TAG_PATH = 0x0a;
const TAG_DATA = 0x12;
const TAG_LAST = 0x18;
const LAST_BYTES = 2;

/** The first message of an upload. */
export function packUploadHead(value: restore.UploadStateTilesHead): Buffer {
  const bytes = restore.UploadStateTilesRequest.encode({ part: { $case: "head", value } }).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A further message: the generated encoder would copy the data three times, this does once. */
export function packUploadPart({ path, data, last }: UploadPart): Buffer {
  const pathBytes = 1 + varintBytes(path.length) + path.length;
  const dataBytes = data.length === 0 ? 0 : 1 + varintBytes(data.length) + data.length;
  const partBytes = pathBytes + dataBytes + (last ? LAST_BYTES : 0);
  const message = Buffer.allocUnsafe(1 + varintBytes(partBytes) + partBytes);
  message[0] = TAG_TILE_PART;
  let at = writeVarint(message, 1, partBytes);
  message[at] = TAG_PATH;
  at = writeVarint(message, at + 1, path.length);
  at += message.write(path, at, "latin1");
  if (data.length > 0) {
    message[at] = TAG_DATA;
    at = writeVarint(message, at + 1, data.length);
    message.set(data, at);
    at += data.length;
  }
  if (last) {
    message[at] = TAG_LAST;
    message[at + 1] = 1;
  }
  return message;
}
