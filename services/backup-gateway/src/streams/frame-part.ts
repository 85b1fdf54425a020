/** A frame as the transport has it; only its first byte is looked at. */
export interface Frame {
  /** Undefined when it is empty. */
  readonly firstByte: number | undefined;
}

/** What a frame holds; `other` is a part that a newer storage may send. */
export type FramePart = "header" | "chunks" | "heartbeat" | "trailer" | "other";

/*
 * First byte of a frame: the tag of its one field, number << 3 | 2. All stream messages number
 * their parts alike; a test holds this against the generated code.
 */
const PARTS: ReadonlyMap<number | undefined, FramePart> = new Map([
  [0x0a, "header"],
  [0x12, "chunks"],
  [0x1a, "heartbeat"],
  [0x22, "trailer"],
]);

/** Tells the part of a frame from its first tag, without decoding it. */
export function framePart({ firstByte }: Frame): FramePart {
  return PARTS.get(firstByte) ?? "other";
}
