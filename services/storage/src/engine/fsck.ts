import type { Checkpoint } from "../state/state-reader.js";
import { Findings } from "./fsck-finding.js";
import { checkJournalShard } from "./fsck-journal.js";
import { checkLog } from "./fsck-log.js";
import { checkNodeCounts } from "./fsck-nodes.js";
import { messageOf, StateCheck } from "./fsck-state.js";
import type { GenerationEnv } from "./generation-env.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";
import { SHARDS, u64 } from "./schema.js";

/**
 * Checks a generation whose store is stopped: rows, nodes and roots at the newest and the oldest
 * kept checkpoint, nodes that nothing refers to, log, transactions, journal, counters. Only reads.
 */
export function checkGeneration(env: GenerationEnv): Findings {
  const findings = new Findings();
  const reader = new LmdbStoreReader(env);
  reader.refresh();
  try {
    const meta = reader.meta();
    const { committed } = meta;
    if (committed === null) {
      for (const _ of env.infos.getKeys({ limit: 1 })) {
        findings.add("meta", "there are infos but no committed version");
      }
      return findings;
    }
    if (meta.ledgerId?.length !== 16) findings.add("meta", "there is no ledger id");
    if (meta.histories.length === 0) findings.add("meta", "there is no history");
    for (const checkpoint of checkpointsToCheck(env, reader, committed, findings)) {
      const check = new StateCheck(reader, checkpoint, findings);
      check.run();
      if (checkpoint.version !== committed) continue;
      checkNodeCounts(env, { reader, root: checkpoint.root }, check.nodes, findings);
    }
    checkLog(env, meta, committed, findings);
    for (let shard = 0; shard < SHARDS; shard++) {
      checkJournalShard(env, shard, meta, committed, findings);
    }
  } finally {
    reader.release();
  }
  return findings;
}

/** The newest checkpoint and the oldest whose state is kept. */
function checkpointsToCheck(
  env: GenerationEnv,
  reader: LmdbStoreReader,
  committed: bigint,
  findings: Findings,
): Checkpoint[] {
  const versions = [committed];
  const { oldestState } = reader.meta();
  for (const key of env.checkpoints.getKeys({ start: u64(oldestState), limit: 1 })) {
    const oldest = key.readBigUInt64BE();
    if (oldest < committed) versions.push(oldest);
  }
  const checkpoints: Checkpoint[] = [];
  for (const version of versions) {
    try {
      const checkpoint = reader.checkpoint(version);
      if (checkpoint !== null) checkpoints.push(checkpoint);
      else findings.add("checkpoints", `the checkpoint of version ${version} is missing`);
    } catch (error) {
      findings.add("checkpoints", messageOf(error));
    }
  }
  return checkpoints;
}
