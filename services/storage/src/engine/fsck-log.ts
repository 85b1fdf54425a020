import {
  decodeTransactionInfo,
  eventRoot,
  logInnerHash,
  logLeafHash,
  logRoot,
  sha256,
  type TransactionInfo,
  writeSetHash,
} from "@holdfast/merkle";
import { parseTransaction } from "../rpc/block-parser.js";
import type { StoreMeta } from "../state/state-reader.js";
import type { Findings } from "./fsck-finding.js";
import { type FsckRun, messageOf, rangeOf, readOf } from "./fsck-run.js";
import type { GenerationEnv } from "./generation-env.js";
import { logKey, u64 } from "./schema.js";

/** Checks infos, log and transactions. A restored log begins with a frontier. */
export function checkLog(
  env: GenerationEnv,
  meta: StoreMeta,
  committed: bigint,
  run: FsckRun,
): void {
  run.attempt("infos", "the infos and the log", () =>
    checkVersions(env, meta, committed, run.findings),
  );
  run.attempt("log", "the log root", () =>
    logRoot(committed + 1n, { node: (level, index) => logNode(env, level, index) }),
  );
}

function checkVersions(
  env: GenerationEnv,
  meta: StoreMeta,
  committed: bigint,
  findings: Findings,
): void {
  let expected: bigint | null = null;
  let timeUs = 0n;
  for (const { key, value } of rangeOf("infos", env.infos.getRange({ start: u64(0n) }))) {
    const version = key.readBigUInt64BE();
    if (expected !== null && version !== expected) {
      findings.add("infos", `the infos from ${expected} to ${version - 1n} are missing`);
    }
    expected = version + 1n;
    const info = checkInfo(version, value, findings);
    if (info !== null && info.commitTimeUs < timeUs) {
      findings.add("infos", `the time of version ${version} is before that of the one before`);
    }
    timeUs = info?.commitTimeUs ?? timeUs;
    const leaf = nodeOf(env, 0, version);
    if (leaf?.equals(logLeafHash(value)) !== true) {
      findings.add("log", `the leaf of version ${version} is not the hash of its info`);
    }
    checkParents(env, version, findings);
    if (info !== null && version >= meta.oldestTransaction) {
      checkTransaction(env, info, findings);
    }
  }
  if (expected !== committed + 1n) {
    findings.add("infos", `the newest info is not that of version ${committed}`);
  }
}

function nodeOf(env: GenerationEnv, level: number, index: bigint): Buffer | undefined {
  return readOf("log", () => env.log.get(logKey(level, index)));
}

function logNode(env: GenerationEnv, level: number, index: bigint): Buffer {
  const node = nodeOf(env, level, index);
  if (node === undefined) throw new Error(`the node ${level}/${index} is missing`);
  return node;
}

function checkInfo(version: bigint, value: Buffer, findings: Findings): TransactionInfo | null {
  try {
    const info = decodeTransactionInfo(value);
    if (info.version === version) return info;
    findings.add("infos", `the info at ${version} is that of ${info.version}`);
  } catch (error) {
    findings.add("infos", `the info of version ${version}: ${messageOf(error)}`);
  }
  return null;
}

/** The complete subtrees that end with this leaf. */
function checkParents(env: GenerationEnv, version: bigint, findings: Findings): void {
  let index = version;
  for (let level = 1; (index & 1n) === 1n; level++) {
    const left = nodeOf(env, level - 1, index - 1n);
    const right = nodeOf(env, level - 1, index);
    index >>= 1n;
    const node = nodeOf(env, level, index);
    // Left of a restored snapshot only the frontier is there, from which the node was made.
    if (node === undefined || right === undefined) {
      findings.add("log", `the node ${level}/${index} is missing`);
    } else if (left !== undefined && !node.equals(logInnerHash(left, right))) {
      findings.add("log", `the node ${level}/${index} is not the hash of its children`);
    }
  }
}

function checkTransaction(env: GenerationEnv, info: TransactionInfo, findings: Findings): void {
  const what = `the transaction of version ${info.version}`;
  const bytes = readOf("transactions", () => env.transactions.get(u64(info.version)));
  if (bytes === undefined) {
    findings.add("transactions", `${what} is missing`);
    return;
  }
  try {
    const { payload, writeSet, events } = parseTransaction(bytes);
    const isAsSaid =
      sha256(payload).equals(info.payloadHash) &&
      writeSetHash(writeSet).equals(info.writeSetHash) &&
      eventRoot(events).equals(info.eventRoot);
    if (!isAsSaid) findings.add("transactions", `${what} is not what its info says`);
  } catch (error) {
    findings.add("transactions", `${what}: ${messageOf(error)}`);
  }
}
