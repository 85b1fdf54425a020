import { HoldfastError } from "@holdfast/core";
import { DeltaBatch } from "./delta-batch.js";
import { type DeltaChange, readChanges, type WrittenChanges } from "./delta-change.js";
import { foldDeltaInSteps } from "./delta-steps.js";
import { DeltaWriter } from "./delta-writer.js";
import type { DeltaTile, FoldedChanges } from "./folded-delta.js";
import type { DeltaTree } from "./frontier-writer.js";
import type { TreeNode } from "./tree-node.js";
import { WireReader } from "./wire.js";

/** What a delta chunk folds to, and its changes. */
export interface FoldedDelta extends FoldedChanges {
  /** In ascending order of key hash; items and hashes are views of the body. */
  readonly changes: readonly DeltaChange[];
}

/** A delta tile, written. */
export interface DeltaBody {
  /** Fields `changes` and `frontier` of DeltaChunk as on the wire. */
  readonly body: Buffer;
  readonly fromNode: TreeNode;
  readonly toNode: TreeNode;
}

/** Made when first needed, then kept: one for each thread. */
let batch: DeltaBatch | null | undefined;

/** Makes now what the first fold of this thread would make. */
export function prepareFoldDelta(): void {
  if (batch === undefined) batch = DeltaBatch.create();
}

/**
 * Folds the body of a delta tile (fields `changes` and `frontier` of DeltaChunk as on the wire) to
 * the nodes of the subtree at `path` in both states. When these fold to both roots, the tile holds
 * the whole difference there and nothing else.
 * @throws PROOF_INVALID when the body is not the one encoding of a difference.
 */
export function foldDeltaChunk(path: string, body: Buffer): FoldedDelta {
  const reader = new WireReader(body);
  const changes = readChanges(reader);
  const together = foldDeltaTiles(body, [{ path, start: 0, end: body.length }]);
  if (together?.[0] !== undefined) return { ...together[0], changes };
  const { from, to } = foldDeltaInSteps(path, changes, reader);
  const puts = changes.filter((change) => change.kind === "put");
  return {
    fromNode: from,
    toNode: to,
    changes,
    puts: puts.length,
    added: puts.filter(({ oldValueHash }) => oldValueHash === null).length,
    deletes: changes.length - puts.length,
  };
}

/**
 * Folds the bodies of many tiles, which lie in `bytes` one behind the other, as `foldDeltaChunk`
 * does: some times faster than one by one. Null when one of them is too large for this or folds to
 * nothing: `foldDeltaChunk` says of each what it is.
 */
export function foldDeltaTiles(
  bytes: Buffer,
  tiles: readonly DeltaTile[],
): readonly FoldedChanges[] | null {
  prepareFoldDelta();
  try {
    return batch?.fold(bytes, tiles) ?? null;
  } catch (error) {
    if (error instanceof HoldfastError && error.reason === "PROOF_INVALID") return null;
    throw error;
  }
}

/**
 * Writes the body of a delta tile from its changes (at least one, ascending by key hash, each a
 * real difference) and the later state, and folds it.
 * @throws PROOF_INVALID when the changes do not fit the path or do not ascend.
 */
export function encodeDeltaBody(path: string, changes: WrittenChanges, view: DeltaTree): DeltaBody {
  const body = new DeltaWriter().write(path, changes, view);
  const { fromNode, toNode } = foldDeltaChunk(path, body);
  return { body, fromNode, toNode };
}
