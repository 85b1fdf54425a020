import { inclusionProof, type LogNodes, logRoot, type TransactionInfo } from "@holdfast/merkle";
import type { StoreReader } from "./state-reader.js";
import { infoAt } from "./versions.js";

/** The log of a store, for the functions of @holdfast/merkle. */
export function logNodesOf(reader: StoreReader): LogNodes {
  return { node: (level, index) => reader.logNode(level, index) };
}

/** The log root at a committed version. */
export function logRootAt(reader: StoreReader, version: bigint): Buffer {
  return logRoot(version + 1n, logNodesOf(reader));
}

/** A state root as part of a log: the info, and its audit path as the last leaf. */
export interface RootProof {
  readonly info: TransactionInfo;
  /** The deepest first. */
  readonly logSiblings: readonly Buffer[];
}

/** Proves the state root of a checkpoint. @throws VERSION_PRUNED */
export function proveRoot(reader: StoreReader, version: bigint): RootProof {
  const info = infoAt(reader, version);
  return { info, logSiblings: inclusionProof(version, version + 1n, logNodesOf(reader)) };
}
