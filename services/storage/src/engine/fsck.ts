import type { Checkpoint } from "../state/state-reader.js";
import { type Finding, Findings } from "./fsck-finding.js";
import { checkJournalShard } from "./fsck-journal.js";
import { checkLog } from "./fsck-log.js";
import { checkNodeCounts } from "./fsck-nodes.js";
import { FsckRun, rangeOf } from "./fsck-run.js";
import { StateCheck } from "./fsck-state.js";
import type { GenerationEnv } from "./generation-env.js";
import { LmdbStoreReader } from "./lmdb-store-reader.js";
import { SHARDS, u64 } from "./schema.js";

/**
 * Checks a generation whose store is stopped: rows, nodes and roots at the newest and the oldest
 * kept checkpoint, nodes that nothing refers to, log, transactions, journal, counters. Only reads.
 * What cannot be read is a finding, which says what is not checked for that.
 */
export function checkGeneration(
  env: GenerationEnv,
  onFinding?: (finding: Finding) => void,
): Findings {
  const reader = new LmdbStoreReader(env);
  const run = new FsckRun(reader, new Findings(onFinding));
  reader.refresh();
  try {
    run.attempt("meta", "what the store says of itself", () => checkStore(env, run));
  } finally {
    reader.release();
  }
  return run.findings;
}

function checkStore(env: GenerationEnv, run: FsckRun): void {
  const { reader, findings } = run;
  const meta = reader.meta();
  const { committed } = meta;
  if (committed === null) {
    for (const _ of rangeOf("infos", env.infos.getKeys({ limit: 1 }))) {
      findings.add("meta", "there are infos but no committed version");
    }
    return;
  }
  if (meta.ledgerId?.length !== 16) findings.add("meta", "there is no ledger id");
  if (meta.histories.length === 0) findings.add("meta", "there is no history");
  for (const checkpoint of checkpointsToCheck(env, run, meta.oldestState, committed)) {
    const check = new StateCheck(run, checkpoint);
    check.run();
    if (checkpoint.version !== committed) continue;
    const { nodes, unreadNodes } = check;
    checkNodeCounts(env, { reader, root: checkpoint.root, nodes, unreadNodes }, run);
  }
  checkLog(env, meta, committed, run);
  for (let shard = 0; shard < SHARDS; shard++) checkJournalShard(env, shard, meta, committed, run);
}

/** The newest checkpoint and the oldest whose state is kept. */
function checkpointsToCheck(
  env: GenerationEnv,
  run: FsckRun,
  oldestState: bigint,
  committed: bigint,
): Checkpoint[] {
  const versions = [committed];
  run.attempt("checkpoints", "the oldest checkpoint", () => {
    const keys = env.checkpoints.getKeys({ start: u64(oldestState), limit: 1 });
    for (const key of rangeOf("checkpoints", keys)) {
      const oldest = key.readBigUInt64BE();
      if (oldest < committed) versions.push(oldest);
    }
  });
  return versions.flatMap((version) => {
    const what = `the checkpoint of version ${version}`;
    const found = run.attempt("checkpoints", what, () => {
      const checkpoint = run.reader.checkpoint(version);
      if (checkpoint === null) run.findings.add("checkpoints", `${what} is missing`);
      return checkpoint;
    });
    return found === null ? [] : [found];
  });
}
