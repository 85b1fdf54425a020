import { Archive, newestManifestBytes } from "@holdfast/archive";
import { HoldfastError } from "@holdfast/core";
import { BackupAttempt, storeEmpty } from "./backup-attempt.js";
import type { BackupOptions, BackupReport } from "./backup-options.js";
import { dbState } from "./db-state.js";
import { FoldPool } from "./fold-pool.js";
import { patienceOf, type ServiceJobDependencies } from "./job.js";
import { isLeaseEnded } from "./job-lease.js";

/** Of a snapshot of 10,000 to 30,000 tiles: folding so many takes a thread. */
const LARGE_MANIFEST_BYTES = 4_194_304;

/** Times a backup begins anew, because its lease ended or a restore came in between. */
const ATTEMPTS_MAX = 5;

/**
 * Takes a snapshot of the state into an archive: a delta where that is cheaper, else a full one.
 * Nothing is published unless the log goes on from what the archive holds and, unless told
 * otherwise, every tile was proved. An interrupted backup goes on when it is run again.
 * @throws HoldfastError, ArchiveError; the signal's reason. What was written is kept for a rerun.
 */
export async function backupState(
  options: BackupOptions,
  job: ServiceJobDependencies,
): Promise<BackupReport> {
  const patience = patienceOf(job);
  await using pool = new FoldPool();
  // Before anything is asked: a thread takes as long to start as everything up to the first tile.
  if (await isMuchToFold(options)) pool.start();
  let state = await dbState(job.gateways, patience, job.signal);
  if (state.committedVersion === undefined) throw storeEmpty();
  const archive = await Archive.create(options.archive, state.ledgerId);
  for (let attempt = 1; ; attempt++) {
    try {
      return await new BackupAttempt(options, { ...job, patience }, archive, pool).run(state);
    } catch (error) {
      const isAnew =
        (isLeaseEnded(error) && error.reason !== "LEASE_BROKEN") ||
        (error instanceof HoldfastError && error.reason === "HISTORY_FORKED");
      if (!isAnew || attempt === ATTEMPTS_MAX || job.signal.aborted) throw error;
      job.onNotice?.(`${error.message} The backup begins anew.`);
    }
    state = await dbState(job.gateways, patience, job.signal);
  }
}

/** Whether much is likely to be folded, by what can be seen at once. */
async function isMuchToFold({ archive, full, prove }: BackupOptions): Promise<boolean> {
  const bytes = full ? null : await newestManifestBytes(archive);
  // Without a base it will be a full snapshot.
  return bytes === null ? prove : bytes >= LARGE_MANIFEST_BYTES;
}
