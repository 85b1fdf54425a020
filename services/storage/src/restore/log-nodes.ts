import {
  encodeTransactionInfo,
  LogFrontier,
  type LogNode,
  logLeafHash,
  type TransactionInfo,
} from "@holdfast/merkle";

/**
 * The complete subtrees with which a restored log goes on: those left of leaf V, which are the
 * leaf's audit path, and those that the leaf makes.
 * @param logSiblings audit path of the info as the last leaf, deepest first; already checked.
 */
export function completeLogNodes(info: TransactionInfo, logSiblings: readonly Buffer[]): LogNode[] {
  const { version } = info;
  const subtrees = logSiblings.toReversed();
  const nodes: LogNode[] = [];
  let leaves = 0n;
  // A log of V leaves has one complete subtree for each bit of V, the largest first.
  for (let level = version.toString(2).length - 1; level >= 0; level--) {
    const size = 1n << BigInt(level);
    const hash = subtrees[nodes.length];
    if ((version & size) === 0n || hash === undefined) continue;
    nodes.push({ level, index: leaves / size, hash });
    leaves += size;
  }
  const frontier = LogFrontier.of(version, subtrees);
  return [...nodes, ...frontier.append(logLeafHash(encodeTransactionInfo(info)))];
}
