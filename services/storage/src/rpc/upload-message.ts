import { BinaryReader } from "@bufbuild/protobuf/wire";
import { restore as wire } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import type { TilePart } from "../restore/upload.js";

/** A message of an upload. */
export type UploadMessage =
  | { readonly kind: "head"; readonly head: wire.UploadStateTilesHead }
  | { readonly kind: "part"; readonly part: TilePart };

const TAG_HEAD = 0x0a;
const TAG_PART = 0x12;
const TAG_PATH = 0x0a;
const TAG_DATA = 0x12;
const TAG_LAST = 0x18;

/**
 * Decodes an UploadStateTilesRequest. Unlike the generated decoder it leaves a part's data where
 * it is, which saves a copy of all that is restored.
 * @throws INVALID_REQUEST
 */
export function decodeUploadMessage(bytes: Buffer): UploadMessage {
  let message: UploadMessage | null = null;
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === TAG_HEAD) {
        message = { kind: "head", head: wire.UploadStateTilesHead.decode(reader.bytes()) };
      } else if (tag === TAG_PART) {
        message = { kind: "part", part: decodePart(reader.bytes()) };
      } else {
        reader.skip(tag & 7, tag >>> 3);
      }
    }
  } catch (cause) {
    throw malformed(cause);
  }
  if (message === null) throw malformed(null);
  return message;
}

function decodePart(bytes: Uint8Array): TilePart {
  const part: { path: string; data: Uint8Array; last: boolean } = {
    path: "",
    data: NO_DATA,
    last: false,
  };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === TAG_PATH) part.path = reader.string();
    else if (tag === TAG_DATA) part.data = reader.bytes();
    else if (tag === TAG_LAST) part.last = reader.bool();
    else reader.skip(tag & 7, tag >>> 3);
  }
  return part;
}

const NO_DATA: Uint8Array = new Uint8Array(0);

function malformed(cause: unknown): HoldfastError {
  return new HoldfastError("INVALID_REQUEST", "The request is not a valid message of an upload.", {
    cause,
  });
}
