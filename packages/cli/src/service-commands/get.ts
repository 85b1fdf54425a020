import { storage } from "@holdfast/api";
import { infoFromWire, nodeFromWire } from "@holdfast/coordinator";
import { HoldfastError } from "@holdfast/core";
import { sha256, stateRootProofLogRoot, verifyStateProof } from "@holdfast/merkle";
import { bytesForPeople } from "../bytes-for-people.js";
import type { CommandContext } from "../command-context.js";
import { nodeResult } from "../node-result.js";
import type { Plain } from "../plain.js";
import { connectStorage } from "./connection.js";

/** Options of `holdfast get`. */
export interface GetOptions {
  readonly version?: bigint;
  readonly proof: boolean;
  readonly hex: boolean;
}

/** What `holdfast get` does. */
export async function runGet(
  context: CommandContext,
  key: Buffer,
  { version, proof }: GetOptions,
): Promise<undefined> {
  const connection = connectStorage(context);
  try {
    const answer = await connection.call(connection.client.getState, {
      key,
      version,
      withProof: proof,
      proofFormat: storage.ProofFormat.STATE_PROOF,
    });
    const logRoot = proof ? checkProof(key, version, answer) : null;
    const { value } = answer;
    const result: { [name: string]: Plain } = {
      found: value !== undefined,
      version: answer.version,
      key,
      value: value ?? null,
    };
    if (logRoot !== null) {
      Object.assign(result, { proved: true, ...proofResult(answer), log_root: logRoot });
    }
    context.output.result(result, [
      value === undefined
        ? `${bytesForPeople(key)} is not in the state at version ${answer.version}.`
        : bytesForPeople(value),
      ...(logRoot === null
        ? []
        : [
            `proved against state root ${answer.stateRoot.toString("hex")}`,
            `in log root ${logRoot.toString("hex")}, version ${answer.version}`,
          ]),
    ]);
  } finally {
    connection.close();
  }
  return undefined;
}

/** Checks the answer's proofs and answers the log root they lead to. @throws PROOF_INVALID. */
function checkProof(
  key: Buffer,
  version: bigint | undefined,
  answer: storage.GetStateResponse,
): Buffer {
  const { value, stateRoot, stateProof, rootProof } = answer;
  if (stateProof === undefined || rootProof?.info === undefined) {
    throw new HoldfastError("PROOF_INVALID", "The answer has no proof.");
  }
  verifyStateProof(stateRoot, sha256(key), value === undefined ? null : sha256(value), {
    siblings: stateProof.siblings.map(nodeFromWire),
    met: nodeFromWire(stateProof.met),
  });
  const info = infoFromWire(rootProof.info);
  const isWanted = version === undefined || answer.version === version;
  if (!isWanted || info.version !== answer.version || info.stateRoot?.equals(stateRoot) !== true) {
    throw new HoldfastError("PROOF_INVALID", "The root proof is of another version or root.");
  }
  return stateRootProofLogRoot(info, rootProof.logSiblings);
}

function proofResult({ stateRoot, stateProof, rootProof }: storage.GetStateResponse): {
  readonly [key: string]: Plain;
} {
  return {
    state_root: stateRoot,
    state_proof: {
      siblings: stateProof?.siblings.map((node) => nodeResult(nodeFromWire(node))) ?? [],
      met: nodeResult(nodeFromWire(stateProof?.met)),
    },
    log_siblings: rootProof?.logSiblings ?? [],
  };
}
