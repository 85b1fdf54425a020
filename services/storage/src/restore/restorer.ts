import { setMaxListeners } from "node:events";
import { type Clock, HoldfastError, type Logger } from "@holdfast/core";
import { Mutex } from "async-mutex";
import { fenced } from "../lease/lease-errors.js";
import type { Lessor } from "../lease/lessor.js";
import {
  type Authority,
  type BeginRequest,
  checkPlanHead,
  planHead,
  totalsOf,
} from "./begin-request.js";
import type { GenerationBuilder, WrittenTiles } from "./generation-builder.js";
import type { PlanTile } from "./plan-row.js";
import type { Generations, LiveStore, TileProvers } from "./ports.js";
import { checkLedger, checkNamed, checkNothingLost } from "./replace-rule.js";
import { diskLow, sessionUnknown } from "./restore-errors.js";
import { publishedHistories, type RestoreSession } from "./restore-session.js";
import type { SessionStore } from "./session-store.js";
import { SessionTable } from "./session-table.js";
import { type TilePart, UPLOAD_BATCHES_MAX, UploadAssembly } from "./upload.js";
import { Uploads } from "./uploads.js";

/** What a `Restorer` works with. */
export interface RestorerDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: SessionStore;
  readonly lessor: Lessor;
  readonly live: LiveStore;
  readonly generations: Generations;
  readonly provers: TileProvers;
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

/** Begins that take their plans at the same time: a stuck one must not keep the next holder out. */
const BEGINS_MAX = 2;

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
  /** Every step that changes which restore is under way, or who owns it. */
  readonly #mutex: Mutex = new Mutex();
  readonly #uploads: Uploads = new Uploads();
  #begins = 0;
  /** The generation of the restore under way, once it is open. */
  #open: { readonly sessionId: string; readonly builder: Promise<GenerationBuilder> } | null = null;

  constructor(dependencies: RestorerDependencies) {
    this.#dependencies = dependencies;
    this.#sessions = new SessionTable(dependencies.store);
  }

  /**
   * Starts a restore, or adopts the unfinished one with the same plan.
   * @throws FENCED, LEASE_*, LEDGER_MISMATCH, LIVE_STATE_CHANGED, LIVE_STATE_WOULD_BE_LOST,
   * PROOF_INVALID, INVALID_REQUEST, DISK_LOW, NO_SLOT, ENGINE_FAILED.
   */
  async begin(
    request: BeginRequest,
    tiles: AsyncIterable<readonly PlanTile[]>,
    signal: AbortSignal,
  ): Promise<Begun> {
    const repeated = this.#sessions.begunBy(request.requestId, request.token);
    if (repeated !== null) return await this.#repeatBegin(repeated, tiles);
    await this.#checkBegin(request);
    if (this.#begins >= BEGINS_MAX) {
      throw new HoldfastError("NO_SLOT", "Other restores are being begun.", {
        retryAfterMs: 1_000,
      });
    }
    this.#begins += 1;
    try {
      const { generations } = this.#dependencies;
      const { version } = request.plan.info;
      const generation = await generations.next();
      const builder = await generations.build(generation, version);
      const candidate: Candidate = { generation, builder };
      try {
        const digest = await takePlan(builder, request, tiles, signal);
        return await this.#mutex.runExclusive(() => this.#register(request, candidate, digest));
      } finally {
        // Whatever happened, a candidate that is not the restore under way goes.
        if (this.#sessions.building?.generation !== generation) await this.#discard(candidate);
      }
    } finally {
      this.#begins -= 1;
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
    const { tileCount } = session.plan;
    if (session.state !== "building") {
      const tilesDone = session.state === "published" ? tileCount : 0;
      return { session, tilesDone, pendingPaths: [] };
    }
    const builder = await this.#builderOf(session);
    const { paths, done } = await builder.pending(after, limit + 1);
    return { session, tilesDone: done, pendingPaths: paths };
  }

  /**
   * Takes whole tiles; each is proved, and durable when this resolves. After an error, nothing of
   * the upload runs any more; what was durable stays.
   * @throws FENCED, LEASE_*, SESSION_UNKNOWN, PROOF_INVALID, INVALID_REQUEST, MESSAGE_TOO_LARGE,
   * NO_SLOT, ENGINE_FAILED; the signal's reason.
   */
  async upload(
    sessionId: string,
    authority: Authority,
    parts: AsyncIterable<TilePart>,
    signal: AbortSignal,
  ): Promise<WrittenTiles> {
    const session = await this.#owned(sessionId, authority);
    const builder = await this.#builderOf(session);
    return await this.#uploads.run(signal, (own) =>
      this.#proveAndWrite(session, builder, parts, own),
    );
  }

  /**
   * Completes the generation and publishes it. A repeat gets the first answer.
   * @throws FENCED, LEASE_*, SESSION_UNKNOWN, RESTORE_INCOMPLETE, LIVE_STATE_CHANGED,
   * ENGINE_FAILED.
   */
  finish(sessionId: string, authority: Authority): Promise<RestoreSession> {
    return this.#mutex.runExclusive(async () => {
      const known = this.#sessions.get(sessionId);
      if (known?.state === "published" && known.ownerToken === authority.token) return known;
      const session = await this.#owned(sessionId, authority);
      const builder = await this.#builderOf(session);
      const { plan } = session;
      await builder.complete(authority.token, {
        ledgerId: plan.ledgerId,
        histories: publishedHistories(session),
        info: plan.info,
        logSiblings: plan.logSiblings,
      });
      // All tiles are durable: what an upload still brings is there already.
      await this.#uploads.end(ended("finished"));
      const { lessor } = this.#dependencies;
      const { leaseId, token } = authority;
      return await lessor.releaseWith(leaseId, token, async (released) => {
        checkNamed(this.#dependencies.live.state(), session.live);
        const published: RestoreSession = { ...session, state: "published" };
        await this.#dependencies.store.publish(published, released);
        this.#sessions.follow(published);
        await this.#goLive(published, builder);
        return published;
      });
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
      await this.#removeBuilt(session, "aborted");
    });
  }

  /** Ends what runs and closes the generation under way; the restore can be adopted later. */
  async close(): Promise<void> {
    await this.#uploads.end(new HoldfastError("DRAINING", "Storage is about to end."));
    const open = this.#open;
    this.#open = null;
    await (await open?.builder)?.close();
    await this.#dependencies.provers.rest();
  }

  async #repeatBegin(
    { sessionId, begin }: RestoreSession,
    tiles: AsyncIterable<readonly PlanTile[]>,
  ): Promise<Begun> {
    // The rest of the upload is read, so that the caller is not cut off.
    for await (const _ of tiles);
    return { sessionId, adopted: begin.adopted, tilesDone: begin.tilesDone };
  }

  async #checkBegin(request: BeginRequest): Promise<void> {
    await this.#checkHolder(request);
    this.#checkLive(request);
    checkPlanHead(request.plan);
    await this.#checkDisk(request);
  }

  /** Whoever was granted the exclusive lease last, or owns the restore under way, fences others. */
  async #checkHolder({ leaseId, token }: Authority): Promise<void> {
    const { lessor } = this.#dependencies;
    const held = lessor.exclusiveToken;
    if (held !== null && held !== token) throw fenced(token, held);
    const owner = this.#sessions.building?.ownerToken;
    if (owner !== undefined && token < owner) throw fenced(token, owner);
    await lessor.requireExclusive(leaseId, token);
  }

  #checkLive({ plan, live, replace }: BeginRequest): void {
    const current = this.#dependencies.live.state();
    checkLedger(current, plan.ledgerId);
    checkNamed(current, live);
    if (!replace) checkNothingLost(current, plan);
  }

  async #checkDisk({ plan }: BeginRequest): Promise<void> {
    const { generations } = this.#dependencies;
    // What an unfinished restore takes is either a part of this one, or goes.
    const building = this.#sessions.building;
    const reused = building === null ? 0n : await generations.sizeBytes(building.generation);
    const free = await generations.freeBytes();
    const needed = (plan.bytes * 3n) / 2n;
    if (free + reused < needed) throw diskLow(free, needed);
  }

  async #register(request: BeginRequest, candidate: Candidate, digest: Buffer): Promise<Begun> {
    // The plan may have taken long: all that was checked before it is checked again.
    await this.#checkHolder(request);
    this.#checkLive(request);
    const building = this.#sessions.building;
    const adopts = building?.plan.digest.equals(digest) === true;
    return building !== null && adopts
      ? await this.#adopt(request, building)
      : await this.#start(request, candidate, digest, building);
  }

  async #adopt(request: BeginRequest, building: RestoreSession): Promise<Begun> {
    await this.#uploads.end(fenced(building.ownerToken, request.token));
    const builder = await this.#builderOf(building);
    const tilesDone = await builder.own(request.token);
    const { sessionId } = building;
    const begin = { requestId: request.requestId, adopted: true, tilesDone };
    const live = request.live;
    await this.#sessions.put({ ...building, ownerToken: request.token, live, begin });
    return { sessionId, adopted: true, tilesDone };
  }

  async #start(
    request: BeginRequest,
    { generation, builder }: Candidate,
    digest: Buffer,
    replaced: RestoreSession | null,
  ): Promise<Begun> {
    const { randomId, clock } = this.#dependencies;
    await builder.own(request.token);
    const sessionId = randomId().toString("hex");
    const session: RestoreSession = {
      sessionId,
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
    if (replaced !== null) await this.#removeBuilt(replaced, "replaced by another");
    this.#open = { sessionId, builder: Promise.resolve(builder) };
    return { sessionId, adopted: false, tilesDone: 0 };
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

  /** Opens the generation of the restore under way, once; after a failure, anew. */
  #builderOf({ sessionId, generation, plan }: RestoreSession): Promise<GenerationBuilder> {
    if (this.#open?.sessionId === sessionId) return this.#open.builder;
    const builder = this.#dependencies.generations.build(generation, plan.info.version);
    const open = { sessionId, builder };
    this.#open = open;
    builder.catch(() => {
      if (this.#open === open) this.#open = null;
    });
    return builder;
  }

  async #proveAndWrite(
    { ownerToken, plan }: RestoreSession,
    builder: GenerationBuilder,
    parts: AsyncIterable<TilePart>,
    signal: AbortSignal,
  ): Promise<WrittenTiles> {
    const failure = new AbortController();
    // Each batch that waits for a thread listens.
    setMaxListeners(UPLOAD_BATCHES_MAX, failure.signal);
    const assembly = new UploadAssembly();
    const batches: Promise<WrittenTiles>[] = [];
    const take = (batch: ReturnType<UploadAssembly["finish"]>): void => {
      if (batch === null) return;
      const proved = this.#dependencies.provers.prove(plan.info.version, batch, failure.signal);
      const written = proved.then((result) => {
        failure.signal.throwIfAborted();
        return builder.write(ownerToken, result);
      });
      written.catch((error) => failure.abort(error));
      batches.push(written);
    };
    const onAbort = (): void => failure.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      for await (const part of parts) {
        failure.signal.throwIfAborted();
        take(assembly.add(part));
      }
      failure.signal.throwIfAborted();
      take(assembly.finish());
      const results = await Promise.all(batches);
      return {
        written: results.reduce((sum, { written }) => sum + written, 0),
        done: results.reduce((most, { done }) => Math.max(most, done), 0),
      };
    } catch (error) {
      failure.abort(error);
      throw failure.signal.reason;
    } finally {
      signal.removeEventListener("abort", onAbort);
      // Nothing of the upload runs any more when its caller hears of the error.
      await Promise.allSettled(batches);
    }
  }

  /** The control database names the generation live: there is no way back. */
  async #goLive(published: RestoreSession, builder: GenerationBuilder): Promise<void> {
    const { live, logger, provers } = this.#dependencies;
    try {
      this.#open = null;
      await builder.tidy();
      await builder.close();
      await provers.rest();
      await live.goLive(published.generation);
    } catch (error) {
      this.#dependencies.onFailure(error);
      throw error;
    }
    const { sessionId, generation } = published;
    logger.info({ session_id: sessionId, generation }, "a restore was published");
  }

  async #removeBuilt(session: RestoreSession, how: string): Promise<void> {
    await this.#uploads.end(ended(how));
    const open = this.#open;
    if (open?.sessionId === session.sessionId) {
      this.#open = null;
      await (await open.builder).close();
    }
    await this.#dependencies.generations.remove(session.generation);
    if (how === "aborted") await this.#dependencies.provers.rest();
  }

  async #discard({ generation, builder }: Candidate): Promise<void> {
    const { generations, logger } = this.#dependencies;
    try {
      await builder.close();
      await generations.remove(generation);
    } catch (error) {
      // It is removed at the next start.
      logger.warn({ generation, error: String(error) }, "a generation could not be removed");
    }
  }
}

/** A generation whose plan is taken, and which may become the restore under way. */
interface Candidate {
  readonly generation: number;
  readonly builder: GenerationBuilder;
}

async function takePlan(
  builder: GenerationBuilder,
  request: BeginRequest,
  tiles: AsyncIterable<readonly PlanTile[]>,
  signal: AbortSignal,
): Promise<Buffer> {
  await builder.beginPlan(totalsOf(request.plan), planHead(request.plan));
  for await (const some of tiles) {
    signal.throwIfAborted();
    await builder.addPlan(some);
  }
  signal.throwIfAborted();
  return await builder.endPlan();
}

function ended(how: string): HoldfastError {
  return new HoldfastError("CANCELLED", `The restore was ${how} meanwhile.`);
}
