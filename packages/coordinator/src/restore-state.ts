import { randomUUID } from "node:crypto";
import type { restore, types } from "@holdfast/api";
import { Archive, DamageError } from "@holdfast/archive";
import { HoldfastError, limits } from "@holdfast/core";
import { callClientStreaming } from "@holdfast/rpc/client";
import { archiveContents } from "./archive-contents.js";
import { ChainReader } from "./chain-reader.js";
import { dbState } from "./db-state.js";
import { patienceOf, type ServiceJobDependencies } from "./job.js";
import { isLeaseEnded, JobLease } from "./job-lease.js";
import type { Patience } from "./patience.js";
import type { PlannedTile } from "./plan-cut.js";
import { type Chain, chooseChain, type StateWish } from "./restore-choice.js";
import { infoToWire } from "./root-proof.js";
import type { ArchivedSnapshot } from "./snapshot-view.js";
import { nodeToWire } from "./tree-nodes.js";
import { type UploadTile, uploadTiles } from "./upload.js";

/** What to restore, and from where. */
export interface RestoreOptions extends StateWish {
  /** Folder or file: URL of the archive. */
  readonly archive: string;
  /** Go on although versions of the live store will be lost. */
  readonly replace: boolean;
}

/** What a restore did. */
export interface RestoreReport {
  /** The snapshot restored. */
  readonly snapshot: ArchivedSnapshot;
  /** Snapshots laid together: the full one and the deltas on it. */
  readonly chainLength: number;
  /** What the store holds now. */
  readonly state: types.DbState;
  /** An unfinished restore was gone on with. */
  readonly adopted: boolean;
  /** Tiles uploaded by this run, and in all. */
  readonly tilesUploaded: number;
  readonly tiles: number;
}

/** Times a restore goes on under another lease, because the one it had ended. */
const ATTEMPTS_MAX = 5;
/** Tiles in a message of the plan: 200 bytes each at most, and 128 KiB are taken. */
const PLAN_TILES_PER_MESSAGE = 400;
/** Paths on a page of pending tiles. */
const PENDING_PAGE = 1_000;

/**
 * Restores a state of an archive into a store: built beside the live one, proved there tile by
 * tile, and published as one step. Until then the live store is untouched, whatever happens; a
 * restore that was interrupted goes on when it is run again.
 * @param chosen told which snapshot was chosen, before anything else is done.
 * @throws HoldfastError, ArchiveError; the signal's reason.
 */
export async function restoreState(
  options: RestoreOptions,
  job: ServiceJobDependencies,
  chosen: (snapshot: ArchivedSnapshot) => void = () => undefined,
): Promise<RestoreReport> {
  const archive = await Archive.open(options.archive);
  const contents = await archiveContents(archive, job.signal);
  const chain = chooseChain(contents, options, job.onNotice);
  chosen(chain[chain.length - 1] ?? chain[0]);
  await using reader = await ChainReader.open(archive, chain);
  const patience = patienceOf(job);
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Restore(chain, reader, options.replace, job, patience).run();
    } catch (error) {
      const isAnew = isLeaseEnded(error) && error.reason !== "LEASE_BROKEN";
      if (!isAnew || attempt === ATTEMPTS_MAX || job.signal.aborted) throw error;
      job.onNotice?.(`${error.message} The restore goes on under another lease.`);
    }
  }
}

/** One attempt, under one lease. */
class Restore {
  readonly #chain: Chain;
  readonly #reader: ChainReader;
  readonly #replace: boolean;
  readonly #job: ServiceJobDependencies;
  readonly #patience: Patience;

  constructor(
    chain: Chain,
    reader: ChainReader,
    replace: boolean,
    job: ServiceJobDependencies,
    patience: Patience,
  ) {
    this.#chain = chain;
    this.#reader = reader;
    this.#replace = replace;
    this.#job = job;
    this.#patience = patience;
  }

  async run(): Promise<RestoreReport> {
    const tiles = await this.#reader.countTiles();
    await using lease = await JobLease.acquire(
      { kind: "exclusive", purpose: "restore" },
      { ...this.#job, patience: this.#patience },
    );
    const begun = await this.#begin(lease, tiles);
    try {
      const tilesUploaded = await this.#upload(lease, begun);
      const state = await this.#finish(lease, begun.sessionId);
      lease.forget();
      const { adopted } = begun;
      const snapshot = this.#chain.at(-1) ?? this.#chain[0];
      return { snapshot, chainLength: this.#chain.length, state, adopted, tilesUploaded, tiles };
    } catch (error) {
      if (isHopeless(error)) await this.#abort(lease, begun.sessionId);
      throw error;
    }
  }

  async #begin(lease: JobLease, tiles: number): Promise<restore.BeginRestoreResponse> {
    const { gateways } = this.#job;
    const live = await dbState(gateways, this.#patience, lease.signal);
    const { head } = this.#reader.top;
    const begin: restore.BeginRestoreHead = {
      leaseId: lease.leaseId,
      fencingToken: lease.fencingToken,
      requestId: randomUUID(),
      ledgerId: head.ledgerId,
      histories: head.histories.map(({ historyId, forkVersion }) => ({ historyId, forkVersion })),
      rootProof: {
        info: infoToWire(head.rootProof.info),
        logSiblings: head.rootProof.logSiblings,
      },
      tileCount: BigInt(tiles),
      items: head.items,
      bytes: head.bytes,
      liveHistoryId: live.histories[0]?.historyId ?? Buffer.alloc(0),
      liveCommittedVersion: live.committedVersion,
      liveStateRoot: live.stateRoot,
      replace: this.#replace,
    };
    return this.#patience.retry(async () => {
      const used = gateways.current;
      try {
        return await callClientStreaming(
          used.restore.beginRestore.bind(used.restore),
          beginRequests(begin, this.#reader.plan()),
          {
            signal: lease.signal,
            timeoutMs: limits.UNARY_DEADLINE_MS_MAX,
            metadata: gateways.metadata,
            endpoint: used.endpoint,
          },
        );
      } catch (error) {
        gateways.noteFailure(error, used);
        throw error;
      }
    }, lease.signal);
  }

  /** Uploads what the store does not have yet; answers how many tiles that were. */
  async #upload(lease: JobLease, begun: restore.BeginRestoreResponse): Promise<number> {
    const { gateways, onProgress } = this.#job;
    const itemsTotal = Number(this.#reader.top.head.items);
    const done = { tiles: 0, items: 0, bytes: 0 };
    const report = (): void =>
      onProgress?.({ phase: "restore", items: done.items, bytes: done.bytes, itemsTotal });
    report();
    const pending = begun.tilesDone === 0n ? null : this.#pending(lease, begun.sessionId);
    const skipped = (tile: PlannedTile): void => {
      done.items += tile.items;
      done.bytes += tile.bytes;
    };
    const uploads = uploadTiles(this.#wanted(pending, skipped), {
      gateways,
      patience: this.#patience,
      lease,
      sessionId: begun.sessionId,
    });
    for await (const batch of uploads) {
      for (const { items, bytes } of batch) {
        done.tiles += 1;
        done.items += items;
        done.bytes += bytes;
      }
      report();
    }
    return done.tiles;
  }

  /** The tiles that are pending, with their bodies. */
  async *#wanted(
    pending: AsyncGenerator<string, void, undefined> | null,
    skipped: (tile: PlannedTile) => void,
  ): AsyncGenerator<UploadTile, void, undefined> {
    let next = await pending?.next();
    for await (const { tile, body } of this.#reader.tiles()) {
      const { path, items, bytes } = tile;
      if (pending !== null && (next?.done === true || next?.value !== path)) {
        skipped(tile);
        continue;
      }
      next = await pending?.next();
      yield { path, items, bytes, body };
    }
  }

  /** Paths of tiles that are not durable yet, ascending. */
  async *#pending(lease: JobLease, sessionId: string): AsyncGenerator<string, void, undefined> {
    let pageToken = "";
    do {
      const request = { sessionId, pageSize: PENDING_PAGE, pageToken };
      const page = await this.#patience.retry(
        () =>
          this.#job.gateways.call(
            ({ restore: client }) => client.getRestoreSession.bind(client),
            request,
            lease.signal,
          ),
        lease.signal,
      );
      yield* page.pendingPaths;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  /**
   * Publishes. Under the job's signal and not the lease's: the lease ends with the publish, which a
   * renewal may learn first; who may publish, the store decides by the token.
   */
  async #finish(lease: JobLease, sessionId: string): Promise<types.DbState> {
    const { leaseId, fencingToken } = lease;
    const { state } = await this.#patience.retry(() =>
      this.#job.gateways.call(
        ({ restore: client }) => client.finishRestore.bind(client),
        { sessionId, leaseId, fencingToken },
        this.#job.signal,
        limits.UNARY_DEADLINE_MS_MAX,
      ),
    );
    if (state === undefined) throw new HoldfastError("INTERNAL", "The answer has no state.");
    return state;
  }

  /** Gives up what was built: it can never be finished. */
  async #abort(lease: JobLease, sessionId: string): Promise<void> {
    const { leaseId, fencingToken } = lease;
    await this.#job.gateways
      .call(
        ({ restore: client }) => client.abortRestore.bind(client),
        { sessionId, leaseId, fencingToken },
        lease.signal,
      )
      .catch(() => undefined);
  }
}

async function* beginRequests(
  head: restore.BeginRestoreHead,
  plan: AsyncIterable<PlannedTile>,
): AsyncGenerator<restore.BeginRestoreRequest, void, undefined> {
  yield { part: { $case: "head", value: head } };
  let tiles: restore.PlanTiles["tiles"][number][] = [];
  for await (const { path, node, items, bytes } of plan) {
    tiles.push({ path, node: nodeToWire(node), items: BigInt(items), bytes: BigInt(bytes) });
    if (tiles.length < PLAN_TILES_PER_MESSAGE) continue;
    yield { part: { $case: "tiles", value: { tiles } } };
    tiles = [];
  }
  if (tiles.length > 0) yield { part: { $case: "tiles", value: { tiles } } };
}

/** The archive is damaged or does not fit together: going on cannot help. */
function isHopeless(error: unknown): boolean {
  return (
    error instanceof DamageError ||
    (error instanceof HoldfastError && error.reason === "PROOF_INVALID")
  );
}
