import { type Clock, HoldfastError, type Logger } from "@holdfast/core";
import { Mutex } from "async-mutex";
import { fenced } from "../lease/lease-errors.js";
import type { Lessor } from "../lease/lessor.js";
import type { DiskGuard } from "../ledger/committer.js";
import { checkDisk, checkHolder, checkLive } from "./begin-checks.js";
import {
  type Authority,
  type BeginRequest,
  checkPlanHead,
  planHead,
  totalsOf,
} from "./begin-request.js";
import { BuildingSite } from "./building-site.js";
import type { GenerationBuilder, WrittenTiles } from "./generation-builder.js";
import type { PlanTile } from "./plan-row.js";
import type { Generations, LiveStore, TileProvers } from "./ports.js";
import { checkRepeatedBegin, checkSameBegin } from "./repeated-begin.js";
import { checkNamed } from "./replace-rule.js";
import { ended, sessionUnknown } from "./restore-errors.js";
import { publishedHistories, type RestoreSession } from "./restore-session.js";
import type { SessionStore } from "./session-store.js";
import { SessionTable } from "./session-table.js";
import type { TilePart } from "./upload.js";

/** What a `Restorer` works with. */
export interface RestorerDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: SessionStore;
  readonly lessor: Lessor;
  readonly live: LiveStore;
  readonly generations: Generations;
  readonly provers: TileProvers;
  /** Asked before anything is written: free disk may shrink while a restore runs. */
  readonly disk: DiskGuard;
  /** 16 random bytes. */
  readonly randomId: () => Buffer;
  /** A published generation could not be served: the process must end. */
  readonly onFailure: (error: unknown) => void;
}

/** Answer of a begin. */
export interface Begun {
  readonly sessionId: string;
  /** Whether an unfinished restore with the same plan goes on. */
  readonly adopted: boolean;
  /** Tiles that are durable already. */
  readonly tilesDone: number;
}

/** A restore, and which tiles it needs. */
export interface SessionPage {
  readonly session: RestoreSession;
  readonly tilesDone: number;
  /** Paths of tiles that are not durable, ascending; one more than asked when there are more. */
  readonly pendingPaths: readonly string[];
}

/** A generation whose plan is taken, and which may become the restore under way. */
interface Candidate {
  readonly generation: number;
  readonly builder: GenerationBuilder;
}

/** Begins that take their plans at the same time: a stuck one must not keep the next holder out. */
const BEGINS_MAX = 2;
/** What a caller is told to wait when there are as many, milliseconds. */
const BEGIN_RETRY_MS = 1_000;

/**
 * Builds the next generation of the store beside the live one, and publishes it as one step.
 *
 *   absent -> building          begin
 *   building -> building        begin with the same plan (adoption): the owner changes
 *   building -> published       finish
 *   building -> aborted         abort, or a begin with another plan
 *
 * Every call checks in this order: the stored answer of the same request, the fencing token, the
 * lease, the rest. Whoever ends a restore's uploads waits until nothing of them runs any more.
 */
export class Restorer {
  readonly #dependencies: RestorerDependencies;
  readonly #sessions: SessionTable;
  readonly #site: BuildingSite;
  /** Every step that changes which restore is under way, or who owns it. */
  readonly #mutex: Mutex = new Mutex();
  #begins = 0;

  constructor(dependencies: RestorerDependencies) {
    this.#dependencies = dependencies;
    this.#sessions = new SessionTable(dependencies.store);
    const { generations, provers, disk } = dependencies;
    this.#site = new BuildingSite(generations, provers, disk);
  }

  /**
   * Starts a restore, or adopts the unfinished one with the same plan.
   * @throws REQUEST_ID_REUSED, FENCED, LEASE_*, LEDGER_MISMATCH, LIVE_STATE_CHANGED, LIVE_STATE_WOULD_BE_LOST,
   * PROOF_INVALID, INVALID_REQUEST, DISK_LOW, NO_SLOT, ENGINE_FAILED; the signal's reason.
   */
  async begin(
    request: BeginRequest,
    tiles: AsyncIterable<readonly PlanTile[]>,
    signal: AbortSignal,
  ): Promise<Begun> {
    const repeated = this.#sessions.begunBy(request.requestId, request.token);
    if (repeated !== null) {
      await checkRepeatedBegin(repeated, request, tiles, signal);
      return firstAnswer(repeated);
    }
    const { lessor, live, generations } = this.#dependencies;
    await checkHolder(lessor, this.#sessions.building, request);
    checkLive(live, request);
    checkPlanHead(request.plan);
    await checkDisk(generations, this.#sessions.building, request);
    if (this.#begins >= BEGINS_MAX) {
      throw new HoldfastError("NO_SLOT", "Other restores are being begun.", {
        retryAfterMs: BEGIN_RETRY_MS,
      });
    }
    this.#begins += 1;
    try {
      return await this.#beginWith(request, tiles, signal);
    } finally {
      this.#begins -= 1;
      if (this.#begins === 0 && this.#sessions.building === null) await this.#site.rest();
    }
  }

  /**
   * Describes a restore.
   * @param after the path behind which the pending ones begin; "" from the first.
   * @throws SESSION_UNKNOWN, ENGINE_FAILED.
   */
  async get(sessionId: string, after: string, limit: number): Promise<SessionPage> {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw sessionUnknown(sessionId);
    if (session.state !== "building") {
      const tilesDone = session.state === "published" ? session.plan.tileCount : 0;
      return { session, tilesDone, pendingPaths: [] };
    }
    const builder = await this.#site.builderOf(session);
    const { paths, done } = await builder.pending(after, limit + 1);
    return { session, tilesDone: done, pendingPaths: paths };
  }

  /**
   * Takes whole tiles; each is proved, and durable when this resolves. After an error, nothing of
   * the upload runs any more; what was durable stays.
   * @throws FENCED, LEASE_*, SESSION_UNKNOWN, PROOF_INVALID, INVALID_REQUEST, MESSAGE_TOO_LARGE,
   * NO_SLOT, DISK_LOW, ENGINE_FAILED; the signal's reason.
   */
  async upload(
    sessionId: string,
    authority: Authority,
    parts: AsyncIterable<TilePart>,
    signal: AbortSignal,
  ): Promise<WrittenTiles> {
    const session = await this.#owned(sessionId, authority);
    return await this.#site.upload(session, parts, signal);
  }

  /**
   * Completes the generation and publishes it. A repeat gets the first answer.
   * @throws FENCED, LEASE_*, SESSION_UNKNOWN, RESTORE_INCOMPLETE, LIVE_STATE_CHANGED, DISK_LOW,
   * ENGINE_FAILED.
   */
  finish(sessionId: string, authority: Authority): Promise<RestoreSession> {
    return this.#mutex.runExclusive(async () => {
      const known = this.#sessions.get(sessionId);
      if (known?.state === "published" && known.ownerToken === authority.token) return known;
      const session = await this.#owned(sessionId, authority);
      const { ledgerId, info, logSiblings } = session.plan;
      const builder = await this.#site.builderOf(session);
      const histories = publishedHistories(session);
      await this.#dependencies.disk.check();
      await builder.complete(authority.token, { ledgerId, histories, info, logSiblings });
      // All tiles are durable: what an upload still brings is there already.
      await this.#site.endUploads(ended("finished"));
      return await this.#publish(session, authority, builder);
    });
  }

  /**
   * Ends a restore and removes what it built; an aborted one stays aborted.
   * @throws FENCED, LEASE_*, SESSION_UNKNOWN, ENGINE_FAILED.
   */
  abort(sessionId: string, authority: Authority): Promise<void> {
    return this.#mutex.runExclusive(async () => {
      const known = this.#sessions.get(sessionId);
      if (known?.state === "aborted" && known.ownerToken === authority.token) return;
      const session = await this.#owned(sessionId, authority);
      await this.#sessions.put({ ...session, state: "aborted" });
      await this.#site.remove(session, ended("aborted"));
    });
  }

  /** Ends what runs and closes the generation under way; the restore can be adopted later. */
  async close(): Promise<void> {
    await this.#site.close(new HoldfastError("DRAINING", "Storage is about to end."));
  }

  async #beginWith(
    request: BeginRequest,
    tiles: AsyncIterable<readonly PlanTile[]>,
    signal: AbortSignal,
  ): Promise<Begun> {
    const { generations, disk } = this.#dependencies;
    this.#site.prepare();
    const generation = await generations.next();
    const builder = await generations.build(generation, request.plan.info.version);
    try {
      const digest = await takePlan({ builder, disk }, request, tiles, signal);
      const candidate = { generation, builder };
      return await this.#mutex.runExclusive(() => this.#register(request, candidate, digest));
    } finally {
      // Whatever happened, a candidate that is not the restore under way goes.
      if (this.#sessions.building?.generation !== generation) {
        await this.#discard({ generation, builder });
      }
    }
  }

  async #register(request: BeginRequest, candidate: Candidate, digest: Buffer): Promise<Begun> {
    // The plan may have taken long: what was looked at before it is looked at again.
    const repeated = this.#sessions.begunBy(request.requestId, request.token);
    if (repeated !== null) {
      checkSameBegin(repeated, request, digest);
      return firstAnswer(repeated);
    }
    const building = this.#sessions.building;
    await checkHolder(this.#dependencies.lessor, building, request);
    checkLive(this.#dependencies.live, request);
    return building?.plan.digest.equals(digest) === true
      ? await this.#adopt(request, building)
      : await this.#start(request, candidate, digest, building);
  }

  async #adopt(request: BeginRequest, building: RestoreSession): Promise<Begun> {
    const { token, requestId, live } = request;
    const isOwn = building.ownerToken === token;
    await this.#site.endUploads(isOwn ? ended("begun again") : fenced(building.ownerToken, token));
    const builder = await this.#site.builderOf(building);
    const tilesDone = await builder.own(token);
    const begin = { requestId, adopted: true, tilesDone };
    await this.#sessions.put({ ...building, ownerToken: token, live, begin });
    return { sessionId: building.sessionId, adopted: true, tilesDone };
  }

  async #start(
    request: BeginRequest,
    { generation, builder }: Candidate,
    digest: Buffer,
    replaced: RestoreSession | null,
  ): Promise<Begun> {
    const { randomId, clock } = this.#dependencies;
    await builder.own(request.token);
    const session: RestoreSession = {
      sessionId: randomId().toString("hex"),
      state: "building",
      generation,
      ownerToken: request.token,
      plan: { ...request.plan, digest },
      live: request.live,
      begin: { requestId: request.requestId, adopted: false, tilesDone: 0 },
      beginTimeUs: clock.wallUs(),
      newHistoryId: randomId(),
    };
    const ends: RestoreSession[] = replaced === null ? [] : [{ ...replaced, state: "aborted" }];
    await this.#sessions.put(...ends, session);
    await this.#site.moveIn(session, builder, ended("replaced by another"));
    if (replaced !== null) await this.#dependencies.generations.remove(replaced.generation);
    return { sessionId: session.sessionId, adopted: false, tilesDone: 0 };
  }

  /** The token comes before the lease: who was fenced learns that, whatever became of its lease. */
  async #owned(sessionId: string, { leaseId, token }: Authority): Promise<RestoreSession> {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined && session.ownerToken !== token) {
      throw fenced(token, session.ownerToken);
    }
    await this.#dependencies.lessor.requireExclusive(leaseId, token);
    // Read again: it may have ended while an expiry was written.
    const current = this.#sessions.get(sessionId);
    if (current?.state !== "building") throw sessionUnknown(sessionId);
    if (current.ownerToken !== token) throw fenced(token, current.ownerToken);
    return current;
  }

  #publish(
    session: RestoreSession,
    { leaseId, token }: Authority,
    builder: GenerationBuilder,
  ): Promise<RestoreSession> {
    const { lessor, live, store, onFailure } = this.#dependencies;
    return lessor.releaseWith(leaseId, token, async (released) => {
      checkNamed(live.state(), session.live);
      const published: RestoreSession = { ...session, state: "published" };
      try {
        await store.publish(published, released);
      } catch (error) {
        // It may be on disk or not: only a restart reads the truth.
        onFailure(error);
        throw error;
      }
      this.#sessions.follow(published);
      await this.#goLive(published, builder);
      return published;
    });
  }

  /** The control database names the generation live: there is no way back. */
  async #goLive(
    { sessionId, generation }: RestoreSession,
    builder: GenerationBuilder,
  ): Promise<void> {
    const { live, logger, onFailure } = this.#dependencies;
    try {
      await builder.tidy();
      await this.#site.close(ended("finished"));
      await live.goLive(generation);
    } catch (error) {
      onFailure(error);
      throw error;
    }
    logger.info({ session_id: sessionId, generation }, "a restore was published");
  }

  async #discard({ generation, builder }: Candidate): Promise<void> {
    const { generations, logger } = this.#dependencies;
    try {
      await builder.close();
      await generations.remove(generation);
    } catch (error) {
      // It is removed at the next start.
      logger.warn({ generation, error }, "a generation could not be removed");
    }
  }
}

function firstAnswer({ sessionId, begin: { adopted, tilesDone } }: RestoreSession): Begun {
  return { sessionId, adopted, tilesDone };
}

async function takePlan(
  { builder, disk }: { builder: GenerationBuilder; disk: DiskGuard },
  request: BeginRequest,
  tiles: AsyncIterable<readonly PlanTile[]>,
  signal: AbortSignal,
): Promise<Buffer> {
  await builder.beginPlan(totalsOf(request.plan), planHead(request.plan));
  for await (const some of tiles) {
    signal.throwIfAborted();
    await disk.check();
    await builder.addPlan(some);
  }
  signal.throwIfAborted();
  return await builder.endPlan();
}
