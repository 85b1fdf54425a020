import { invalidField } from "@holdfast/core";
import { sha256 } from "./hash.js";
import { LogFrontier } from "./log-frontier.js";
import { logLeafHash } from "./log-hash.js";

/** One write of a transaction. */
export type WriteOp =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Uint8Array };

/** First byte of a put in the hashed layout. */
const TAG_PUT = 1;
/** First byte of a delete in the hashed layout. */
const TAG_DELETE = 2;
/** Bytes of a length. */
const LENGTH_BYTES = 4;

/**
 * Hash of a write set: SHA-256 over its writes sorted by key (docs/hashing.md); the order in
 * which they are given does not matter.
 * @throws INVALID_REQUEST when a key is written twice.
 */
export function writeSetHash(ops: readonly WriteOp[]): Buffer {
  const sorted = sortByKey(ops);
  let bytes = 0;
  for (const op of sorted) {
    bytes += 1 + LENGTH_BYTES + op.key.length;
    if (op.kind === "put") bytes += LENGTH_BYTES + op.value.length;
  }
  const layout = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const op of sorted) {
    layout[at] = op.kind === "put" ? TAG_PUT : TAG_DELETE;
    at = setWithLength(layout, at + 1, op.key);
    if (op.kind === "put") at = setWithLength(layout, at, op.value);
  }
  return sha256(layout);
}

/** RFC 6962 root over a transaction's events, 32 bytes. */
export function eventRoot(events: readonly Uint8Array[]): Buffer {
  const frontier = LogFrontier.empty();
  for (const event of events) frontier.append(logLeafHash(event));
  return frontier.root();
}

/** Sorted by key. Numbers compare faster than buffers: the first six bytes decide mostly. */
function sortByKey(ops: readonly WriteOp[]): WriteOp[] {
  if (ops.length < 2) return [...ops];
  const entries = ops.map((op) => ({ op, head: headOf(op.key) }));
  entries.sort((a, b) => a.head - b.head || Buffer.compare(a.op.key, b.op.key));
  let previous: WriteOp | null = null;
  for (const { op } of entries) {
    if (previous !== null && Buffer.compare(previous.key, op.key) === 0) {
      throw invalidField("write_set", "a transaction writes each key at most once");
    }
    previous = op;
  }
  return entries.map(({ op }) => op);
}

/** The first six bytes as a number; a shorter key as if zeros followed. */
function headOf(key: Uint8Array): number {
  let head = 0;
  for (let i = 0; i < 6; i++) head = head * 256 + (key[i] ?? 0);
  return head;
}

function setWithLength(into: Buffer, at: number, bytes: Uint8Array): number {
  into.writeUInt32BE(bytes.length, at);
  into.set(bytes, at + LENGTH_BYTES);
  return at + LENGTH_BYTES + bytes.length;
}
