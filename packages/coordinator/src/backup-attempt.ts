import type { backup, types } from "@holdfast/api";
import type { Archive } from "@holdfast/archive";
import { HoldfastError } from "@holdfast/core";
import { archiveContents, requireKnownFormats, tellLeftOut } from "./archive-contents.js";
import type { BackupOptions, BackupReport } from "./backup-options.js";
import {
  type BackupChoice,
  type BackupWish,
  CHAIN_LIMITS,
  chooseBackup,
  newestUsable,
} from "./base-choice.js";
import { BelievedSnapshots, ManifestDamaged } from "./believed-snapshots.js";
import { dbState } from "./db-state.js";
import type { FoldPool } from "./fold-pool.js";
import type { ServiceJobDependencies } from "./job.js";
import { isLeaseEnded, JobLease } from "./job-lease.js";
import { newHead } from "./new-head.js";
import type { Patience } from "./patience.js";
import { isBehind, proveRoot, requireNotBehind } from "./prove-root.js";
import type { ProvedRoot } from "./root-proof.js";
import { type ArchivedSnapshot, historyLines } from "./snapshot-view.js";
import { takeSnapshot } from "./take-snapshot.js";
import { chooseUnfinished } from "./unfinished-backup.js";

/** Failures of a delta after which a full snapshot is taken. */
const NO_DELTA: ReadonlySet<string> = new Set([
  "HISTORY_FORKED",
  "DELTA_TOO_LARGE",
  "VERSION_PRUNED",
]);

/** What a backup has found out before its first tile. */
interface Prepared {
  readonly lease: JobLease;
  readonly state: types.DbState;
  readonly root: ProvedRoot;
  readonly count: backup.GetStateItemCountResponse;
  readonly choice: BackupChoice<ArchivedSnapshot>;
}

/** What to take: a delta on a base, or a full snapshot, and why. */
interface TakeChoice {
  readonly base: ArchivedSnapshot | null;
  readonly fullBecause: string | null;
}

type PatientJob = ServiceJobDependencies & { readonly patience: Patience };

/** One attempt to back up a state. */
export class BackupAttempt {
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
    await using believed = await BelievedSnapshots.of(this.#archive, this.#job.signal);
    if (believed === null) return await this.#runOn(await this.#snapshots(), asked, null);
    const job = { ...this.#job, signal: believed.signal };
    const attempt = new BackupAttempt(this.#options, job, this.#archive, this.#pool);
    try {
      return await attempt.#runOn(believed.snapshots, asked, believed);
    } catch (error) {
      this.#job.signal.throwIfAborted();
      // Else a manifest that is not what it claims may have been the cause.
      if (isLeaseEnded(error) || (await believed.check())) throw error;
    }
    const snapshots = await this.#snapshots();
    const { gateways, patience, signal } = this.#job;
    return await this.#runOn(snapshots, await dbState(gateways, patience, signal), null);
  }

  /** @param believed to be checked before anything that follows from the snapshots is said or done. */
  async #runOn(
    snapshots: readonly ArchivedSnapshot[],
    asked: types.DbState,
    believed: BelievedSnapshots | null,
  ): Promise<BackupReport> {
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
        if ((await believed?.check()) === false) throw new ManifestDamaged();
        return {
          snapshot: choice.snapshot.summary,
          alreadyThere: true,
          resumed: false,
          fullBecause: null,
        };
      case "full":
        // Awaited here: the lease goes when this function is left.
        return await this.#take(
          prepared,
          { base: null, fullBecause: goesOn ? "an interrupted one goes on" : choice.why },
          believed,
        );
      case "delta":
        try {
          return await this.#take(prepared, { base: choice.base, fullBecause: null }, believed);
        } catch (error) {
          if (!(error instanceof HoldfastError) || !NO_DELTA.has(error.reason)) throw error;
          const fullBecause = `no delta on version ${choice.base.version} can be taken (${error.reason})`;
          return await this.#take(prepared, { base: null, fullBecause }, believed);
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
    { base, fullBecause }: TakeChoice,
    believed: BelievedSnapshots | null,
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
      if ((await believed?.check()) === false) throw new ManifestDamaged();
    } catch (error) {
      // On another base it would be of no use; on the same one, what an earlier run left is.
      const isLost = error instanceof ManifestDamaged && !writer.resumed;
      if (isLost || isHopeless(error)) await writer.discard();
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

/** STORE_EMPTY. */
export function storeEmpty(): HoldfastError {
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
