import type { googleProtobufTimestamp, types } from "@holdfast/api";
import type { StateProof, TransactionInfo, TreeNode } from "@holdfast/merkle";
import type { RootProof } from "../state/log-proofs.js";

/** Microseconds since 1970 as a Timestamp. */
export function timestampMessage(timeUs: bigint): googleProtobufTimestamp.Timestamp {
  return { seconds: timeUs / 1_000_000n, nanos: Number(timeUs % 1_000_000n) * 1_000 };
}

/** A tree node as on the wire. */
export function treeNodeMessage(node: TreeNode): types.TreeNode {
  switch (node.kind) {
    case "empty":
      return { kind: { $case: "empty", value: true } };
    case "leaf": {
      const { keyHash, valueHash } = node;
      return { kind: { $case: "leaf", value: { keyHash, valueHash } } };
    }
    case "inner":
      return { kind: { $case: "inner", value: node.hash } };
  }
}

/** A state proof as on the wire. */
export function stateProofMessage(proof: StateProof): types.StateProof {
  return {
    siblings: proof.siblings.map(treeNodeMessage),
    met: treeNodeMessage(proof.met),
  };
}

/** A transaction info as on the wire. */
export function infoMessage(info: TransactionInfo): types.TransactionInfo {
  return {
    version: info.version,
    commitTime: timestampMessage(info.commitTimeUs),
    payloadHash: info.payloadHash,
    writeSetHash: info.writeSetHash,
    eventRoot: info.eventRoot,
    stateRoot: info.stateRoot ?? undefined,
  };
}

/** The proof of a state root as on the wire. */
export function rootProofMessage(proof: RootProof): types.StateRootProof {
  return { info: infoMessage(proof.info), logSiblings: [...proof.logSiblings] };
}
