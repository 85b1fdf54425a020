import type { backup, types } from "@holdfast/api";
import { Archive, newestManifestBytes, type SnapshotSummary } from "@holdfast/archive";
import { HoldfastError } from "@holdfast/core";
import { archiveContents, requireKnownFormats, tellLeftOut } from "./archive-contents.js";
import {
  type BackupChoice,
  type BackupWish,
  CHAIN_LIMITS,
  type ChainLimits,
  chooseBackup,
  newestUsable,
} from "./base-choice.js";
import { dbState } from "./db-state.js";
import { FoldPool } from "./fold-pool.js";
import { patienceOf, type ServiceJobDependencies } from "./job.js";
import { isLeaseEnded, JobLease } from "./job-lease.js";
import { newHead } from "./new-head.js";
import type { Patience } from "./patience.js";
import { isBehind, proveRoot, requireNotBehind } from "./prove-root.js";
import type { ProvedRoot } from "./root-proof.js";
import { type ArchivedSnapshot, historyLines } from "./snapshot-view.js";
import { takeSnapshot } from "./take-snapshot.js";
import { chooseUnfinished } from "./unfinished-backup.js";

/** What to back up, and where to. */
export interface BackupOptions {
  /** Folder or file: URL of the archive; it is made when it is missing or empty. */
  readonly archive: string;
  /** A checkpoint; the newest by default, or that of an interrupted backup. */
  readonly version?: bigint | undefined;
  /** Take a full snapshot also where a delta would do. */
  readonly full: boolean;
  /** Fold every tile before publishing. Deltas are always proved. */
  readonly prove: boolean;
  /** When a chain gets a new full snapshot. @default CHAIN_LIMITS, for each that is not given */
  readonly chain?: Partial<ChainLimits>;
}

/** What a backup did. */
export interface BackupReport {
  readonly snapshot: SnapshotSummary;
  /** The archive held this state already; nothing was written. */
  readonly alreadyThere: boolean;
  /** An interrupted backup was gone on with. */
  readonly resumed: boolean;
  /** Why it is a full snapshot; null for a delta. */
  readonly fullBecause: string | null;
}

/** Of a snapshot of 10,000 to 30,000 tiles: folding so many takes a thread. */
const LARGE_MANIFEST_BYTES = 4_194_304;

/** Times a backup begins anew, because its lease ended or a restore came in between. */
const ATTEMPTS_MAX = 5;

/** Failures of a delta after which a full snapshot is taken. */
const NO_DELTA: ReadonlySet<string> = new Set([
  "HISTORY_FORKED",
  "DELTA_TOO_LARGE",
  "VERSION_PRUNED",
]);

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
      return await new Backup(options, { ...job, patience }, archive, pool).run(state);
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

/** What a backup has found out before its first tile. */
interface Prepared {
  readonly lease: JobLease;
  readonly state: types.DbState;
  readonly root: ProvedRoot;
  readonly count: backup.GetStateItemCountResponse;
  readonly choice: BackupChoice<ArchivedSnapshot>;
}

type PatientJob = ServiceJobDependencies & { readonly patience: Patience };

/** One attempt. */
class Backup {
  readonly #options: BackupOptions;
  readonly #job: PatientJob;
  readonly #archive: Archive;
  readonly #pool: FoldPool;

  constructor(options: BackupOptions, job: PatientJob, archive: Archive, pool: FoldPool) {
    this.#options = options;
    this.#job = job;
    this.#archive = archive;
    this.#pool = pool;
  }

  /** @param asked what the store said of itself before the archive is looked at. */
  async run(asked: types.DbState): Promise<BackupReport> {
    const snapshots = await this.#snapshots();
    const state = await this.#notBehind(asked, snapshots);
    const unfinished = chooseUnfinished(
      await this.#archive.unfinishedBackups(),
      state,
      snapshots,
      this.#options,
    );
    const version = this.#options.version ?? unfinished?.version;
    const forceFull = this.#options.full || unfinished?.kind === "full";
    const likely = newestUsable(snapshots, historyLines(state), version ?? null);
    await using lease = await JobLease.acquire(
      {
        kind: "shared",
        purpose: "backup state",
        toVersion: version,
        fromVersion: forceFull ? undefined : likely?.version,
      },
      this.#job,
    );
    const prepared = await this.#prepare({ lease, state }, version, snapshots, forceFull);
    const { choice } = prepared;
    const goesOn = unfinished?.kind === "full" && !this.#options.full;
    switch (choice.kind) {
      case "there":
        return {
          snapshot: choice.snapshot.summary,
          alreadyThere: true,
          resumed: false,
          fullBecause: null,
        };
      case "full":
        // Awaited here: the lease goes when this function is left.
        return await this.#take(prepared, null, goesOn ? "an interrupted one goes on" : choice.why);
      case "delta":
        try {
          return await this.#take(prepared, choice.base, null);
        } catch (error) {
          if (!(error instanceof HoldfastError) || !NO_DELTA.has(error.reason)) throw error;
          const why = `no delta on version ${choice.base.version} can be taken (${error.reason})`;
          return await this.#take(prepared, null, why);
        }
    }
  }

  /** What the archive holds; a damaged manifest is told and left out. */
  async #snapshots(): Promise<readonly ArchivedSnapshot[]> {
    const contents = await archiveContents(this.#archive, this.#job.signal);
    requireKnownFormats(contents);
    for (const each of contents.leftOut) this.#job.onNotice?.(tellLeftOut(each));
    return contents.snapshots;
  }

  /** @throws VERSION_NOT_COMMITTED when the archive has versions that the store lost. */
  async #notBehind(
    asked: types.DbState,
    snapshots: readonly ArchivedSnapshot[],
  ): Promise<types.DbState> {
    const newestOf = (state: types.DbState): ArchivedSnapshot | null =>
      newestUsable(snapshots, historyLines(state), null);
    let state = asked;
    // Versions that another backup brought in between are committed, too.
    if (isBehind(state.committedVersion, newestOf(state))) {
      state = await dbState(this.#job.gateways, this.#job.patience, this.#job.signal);
    }
    requireNotBehind(state.committedVersion, newestOf(state));
    return state;
  }

  /** Proves the root under the lease, and chooses what to take. */
  async #prepare(
    { lease, state }: Pick<Prepared, "lease" | "state">,
    wanted: bigint | undefined,
    snapshots: readonly ArchivedSnapshot[],
    forceFull: boolean,
  ): Promise<Prepared> {
    const version = lease.toVersion ?? wanted ?? state.committedVersion;
    if (version === undefined) throw storeEmpty();
    if (!state.ledgerId.equals(this.#archive.ledgerId)) throw otherLedger();
    if (state.histories[0]?.historyId.equals(lease.historyId) !== true) throw forkedMeanwhile();
    const histories = historyLines(state);
    const counting = this.#countItems(version, lease.signal);
    // Told behind the proof's failure, if that fails, too.
    counting.catch(() => undefined);
    const newest = newestUsable(snapshots, histories, null)?.summary.head ?? null;
    const root = await proveRoot(version, newest, (request) =>
      this.#job.patience.retry(
        () =>
          this.#job.gateways.call(
            ({ backup: client }) => client.getStateRootProof.bind(client),
            request,
            lease.signal,
          ),
        lease.signal,
      ),
    );
    const wish: BackupWish = {
      version,
      stateRoot: root.stateRoot.toString("hex"),
      histories,
      oldestJournal: lease.oldestJournal,
      forceFull,
    };
    const choice = chooseBackup(snapshots, wish, { ...CHAIN_LIMITS, ...this.#options.chain });
    return { lease, state, root, count: await counting, choice };
  }

  #countItems(version: bigint, signal: AbortSignal): Promise<backup.GetStateItemCountResponse> {
    return this.#job.patience.retry(
      () =>
        this.#job.gateways.call(
          ({ backup: client }) => client.getStateItemCount.bind(client),
          { version },
          signal,
        ),
      signal,
    );
  }

  async #take(
    { lease, state, root, count }: Prepared,
    base: ArchivedSnapshot | null,
    fullBecause: string | null,
  ): Promise<BackupReport> {
    const pool = this.#options.prove || base !== null ? this.#pool : null;
    const head = newHead(state, root, count, { base, proved: pool !== null });
    await using writer = await this.#archive.beginBackup(head, { resume: true });
    try {
      await takeSnapshot(writer, pool, {
        ...this.#job,
        signal: lease.signal,
        leaseId: lease.leaseId,
      });
    } catch (error) {
      if (isHopeless(error)) await writer.discard();
      throw error;
    }
    // All that it pinned is read: it is given back beside publishing, which waits for the disk.
    const [snapshot] = await Promise.all([writer.publish(), lease.release()]);
    return { snapshot, alreadyThere: false, resumed: writer.resumed, fullBecause };
  }
}

/** What was written is of no use after this. */
function isHopeless(error: unknown): boolean {
  return (
    error instanceof HoldfastError &&
    (error.reason === "PROOF_INVALID" || NO_DELTA.has(error.reason))
  );
}

function storeEmpty(): HoldfastError {
  return new HoldfastError(
    "STORE_EMPTY",
    "The store has no block yet: there is nothing to back up.",
  );
}

function forkedMeanwhile(): HoldfastError {
  return new HoldfastError(
    "HISTORY_FORKED",
    "A restore was published before the backup had its lease.",
  );
}

function otherLedger(): HoldfastError {
  return new HoldfastError(
    "LEDGER_MISMATCH",
    "The store holds another ledger than the archive. Use an archive of its own for it.",
  );
}
