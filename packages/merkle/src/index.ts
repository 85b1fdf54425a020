export {
  type ChunkItem,
  chunkId,
  chunkItems,
  foldChunk,
  foldTree,
  prepareFoldChunk,
} from "./chunk.js";
export {
  type DeltaBody,
  encodeDeltaBody,
  type FoldedDelta,
  foldDeltaChunk,
  foldDeltaTiles,
  prepareFoldDelta,
} from "./delta.js";
export {
  type DeltaChange,
  type HashPlace,
  type WrittenChanges,
  writeDelete,
  writePut,
  writtenChanges,
} from "./delta-change.js";
export { DeltaWriter } from "./delta-writer.js";
export type { FoldedChunk, FoldedTree } from "./folded-chunk.js";
export type { DeltaTile, FoldedChanges } from "./folded-delta.js";
export { type NodePlace, placeOf } from "./frontier-step.js";
export type { DeltaTree } from "./frontier-writer.js";
export { copyHash, EMPTY_HASH, HASH_BYTES, innerHash, isSha256, leafHash, sha256 } from "./hash.js";
export { HashBatch } from "./hash-batch.js";
export { ICS23_SPEC, type Ics23Item, ics23Absence, ics23Existence } from "./ics23.js";
export { ItemCursor } from "./item-cursor.js";
export { LogFrontier, type LogNode } from "./log-frontier.js";
export { EMPTY_LOG_ROOT, logInnerHash, logLeafHash } from "./log-hash.js";
export {
  consistencyProof,
  inclusionProof,
  type LogNodes,
  logRoot,
  verifyConsistency,
  verifyInclusion,
} from "./log-proof.js";
export {
  bitAt,
  commonBits,
  compareKeyHash,
  DEPTH_MAX,
  hasPath,
  isPath,
  type KeyHashRange,
  nibbleOf,
  PATH_NIBBLES_MAX,
  pathOf,
  pathRange,
  standAtPath,
} from "./path.js";
export { foldSiblings, rootOf } from "./siblings.js";
export {
  decodeStateItem,
  encodeStateItem,
  type StateItem,
  stateItemBytes,
} from "./state-item.js";
export { type StateProof, verifyStateProof } from "./state-proof.js";
export { TileRootFold } from "./tile-root-fold.js";
export { type StreamTile, TileStream } from "./tile-stream.js";
export {
  decodeTransactionInfo,
  encodeTransactionInfo,
  frontierOfStateRootProof,
  stateRootProofLogRoot,
  type TransactionInfo,
} from "./transaction-info.js";
export { combine, EMPTY_NODE, nodeHash, nodesEqual, type TreeNode } from "./tree-node.js";
export { varintBytes, writeVarint } from "./varint.js";
export { WireWriter } from "./wire.js";
export { eventRoot, type WriteOp, writeSetHash } from "./write-set.js";
