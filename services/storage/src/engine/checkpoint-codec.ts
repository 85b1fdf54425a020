import { nodeHash } from "@holdfast/merkle";
import { PhysicalNode } from "../state/physical-node.js";
import type { Checkpoint } from "../state/state-reader.js";
import { SHARDS } from "./schema.js";

const ROOT_AT: number = 24 + 8 * SHARDS;

/**
 * Value of `checkpoints`: time u64, items u64, bytes u64, journal entries so far of each shard
 * (16 x u64), the root's physical node.
 */
export function encodeCheckpoint(
  checkpoint: Pick<Checkpoint, "timeUs" | "shardJournalEntries" | "root">,
): Buffer {
  const { encoded, subtree } = checkpoint.root;
  const value = Buffer.allocUnsafe(ROOT_AT + encoded.length);
  value.writeBigUInt64BE(checkpoint.timeUs, 0);
  value.writeBigUInt64BE(BigInt(subtree.items), 8);
  value.writeBigUInt64BE(BigInt(subtree.bytes), 16);
  for (let shard = 0; shard < SHARDS; shard++) {
    value.writeBigUInt64BE(checkpoint.shardJournalEntries[shard] ?? 0n, 24 + 8 * shard);
  }
  value.set(encoded, ROOT_AT);
  return value;
}

/** @throws ROW_CORRUPT when its root is no node, RangeError when it is too short. */
export function decodeCheckpoint(version: bigint, value: Buffer): Checkpoint {
  const root = PhysicalNode.decode(value.subarray(ROOT_AT));
  const shardJournalEntries = Array.from({ length: SHARDS }, (_, shard) =>
    value.readBigUInt64BE(24 + 8 * shard),
  );
  return {
    version,
    timeUs: value.readBigUInt64BE(0),
    items: value.readBigUInt64BE(8),
    bytes: value.readBigUInt64BE(16),
    stateRoot: nodeHash(root.subtree.node),
    root,
    journalEntries: shardJournalEntries.reduce((sum, entries) => sum + entries, 0n),
    shardJournalEntries,
  };
}
