import type { backup, types } from "@holdfast/api";
import { HoldfastError } from "@holdfast/core";
import { stateRootProofLogRoot, type TransactionInfo, verifyConsistency } from "@holdfast/merkle";

/** A state root and its log root, proved. */
export interface ProvedRoot {
  readonly info: TransactionInfo;
  readonly logSiblings: readonly Buffer[];
  readonly version: bigint;
  /** 32 bytes each. */
  readonly stateRoot: Buffer;
  readonly logRoot: Buffer;
}

/** An earlier point of the log that the proof must build on. */
export interface LogAnchor {
  readonly version: bigint;
  /** 32 bytes. */
  readonly logRoot: Buffer;
}

/**
 * Checks an answer of GetStateRootProof: that the state root belongs to the log root, and that the
 * anchor's log is a prefix of it.
 * @throws PROOF_INVALID when it is not shown.
 */
export function checkRootProof(
  answer: backup.GetStateRootProofResponse,
  version: bigint,
  anchor: LogAnchor | null,
): ProvedRoot {
  const { rootProof } = answer;
  if (rootProof?.info === undefined) throw notShown("the proof is missing");
  const info = infoFromWire(rootProof.info);
  if (info.version !== version || info.stateRoot === null) {
    throw notShown(`the proof is not of version ${version}`);
  }
  const logRoot = stateRootProofLogRoot(info, rootProof.logSiblings);
  if (!logRoot.equals(answer.logRoot)) throw notShown("it leads to another log root");
  if (anchor !== null) checkGoesOn(anchor, version, logRoot, answer.consistencyHashes);
  const { logSiblings } = rootProof;
  return { info, logSiblings, version, stateRoot: info.stateRoot, logRoot };
}

function checkGoesOn(
  anchor: LogAnchor,
  version: bigint,
  logRoot: Buffer,
  hashes: readonly Buffer[],
): void {
  try {
    verifyConsistency(anchor.version + 1n, version + 1n, anchor.logRoot, logRoot, hashes);
  } catch (cause) {
    throw otherLine(anchor.version, cause);
  }
}

/** PROOF_INVALID: the archive's snapshot of a version is not of the store's line. */
export function otherLine(version: bigint, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "PROOF_INVALID",
    `The store's log does not go on from the archive's snapshot of version ${version}: ` +
      "it is another line of this ledger. Nothing was written; use another archive for it.",
    { metadata: { version: `${version}` }, cause },
  );
}

/** An info as messages carry it. */
export function infoFromWire(info: types.TransactionInfo): TransactionInfo {
  const time = info.commitTime ?? { seconds: 0n, nanos: 0 };
  return {
    version: info.version,
    commitTimeUs: time.seconds * 1_000_000n + BigInt(Math.floor(time.nanos / 1000)),
    payloadHash: info.payloadHash,
    writeSetHash: info.writeSetHash,
    eventRoot: info.eventRoot,
    stateRoot: info.stateRoot ?? null,
  };
}

/** An info as messages carry it. */
export function infoToWire(info: TransactionInfo): types.TransactionInfo {
  return {
    version: info.version,
    commitTime: {
      seconds: info.commitTimeUs / 1_000_000n,
      nanos: Number(info.commitTimeUs % 1_000_000n) * 1000,
    },
    payloadHash: info.payloadHash,
    writeSetHash: info.writeSetHash,
    eventRoot: info.eventRoot,
    stateRoot: info.stateRoot ?? undefined,
  };
}

function notShown(why: string): HoldfastError {
  return new HoldfastError("PROOF_INVALID", `The store does not prove its state root: ${why}.`);
}
