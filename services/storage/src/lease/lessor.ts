import type { AcquireRequest, Grant, LeaseRecord, LeaseView } from "./lease.js";
import { checkRepeat, LeaseBook, type LeaseBookDependencies } from "./lease-book.js";
import { fenced, leaseHeld, leaseRequired, tableFull } from "./lease-errors.js";
import type { ActiveLease } from "./lease-table.js";
import { LeaseTurns } from "./lease-turns.js";
import { choosePin } from "./pin-choice.js";
import type {
  CommitGate,
  LeaseGate,
  LeaseGuard,
  LiveVersions,
  OldestPinned,
  PinSource,
} from "./ports.js";

/** What a `Lessor` works with. */
export interface LessorDependencies extends LeaseBookDependencies {
  readonly live: LiveVersions;
  readonly commits: CommitGate;
  /** Told when an expiry could not be written: the control database has failed. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Grants and ends leases: many shared or one exclusive.
 *
 *   absent -> active            acquire
 *   active -> active            renew (in memory only)
 *   active -> expired           its TTL ran out
 *   active -> released          its holder, or the publish of its restore
 *   active -> broken            an operator
 *
 * Every change of state is durable before memory changes and before anyone is told, one at a time
 * under one mutex. Renewals touch memory only, so after a restart every active lease has its full
 * TTL again: never less than its holder believes. The monotonic clock alone decides; a lease past
 * its time is never renewed, also while its end is being written.
 */
export class Lessor implements LeaseGate, PinSource {
  readonly #book: LeaseBook;
  readonly #dependencies: LessorDependencies;
  readonly #turns: LeaseTurns;
  #resumeCommits: (() => void) | null = null;

  private constructor(dependencies: LessorDependencies) {
    this.#dependencies = dependencies;
    this.#book = new LeaseBook(dependencies);
    const { clock, onFailure } = dependencies;
    const afterTurn = (): void => this.#resumeUnlessExclusive();
    this.#turns = new LeaseTurns({ book: this.#book, clock, afterTurn, onFailure });
  }

  /**
   * Takes up what the store holds; commits rest again when an exclusive lease is among it. To be
   * awaited before any call is served.
   */
  static async open(dependencies: LessorDependencies): Promise<Lessor> {
    const lessor = new Lessor(dependencies);
    lessor.#book.load();
    if (lessor.exclusiveToken !== null) lessor.#resumeCommits = await dependencies.commits.pause();
    lessor.#turns.setTimer();
    return lessor;
  }

  /** Stops the timer. Leases live on in the store. */
  close(): void {
    this.#turns.stopTimer();
  }

  /**
   * Grants a lease, or refuses at once. An exclusive grant waits for the commit in flight.
   * @throws LEASE_HELD, TABLE_FULL, REQUEST_ID_REUSED, VERSION_NOT_COMMITTED, NOT_A_CHECKPOINT,
   * INVALID_REQUEST, NO_SLOT; the signal's reason when the caller has gone before the grant.
   */
  acquire(request: AcquireRequest, signal: AbortSignal): Promise<Grant> {
    return this.#turns.take(async () => {
      signal.throwIfAborted();
      const { table } = this.#book;
      let lease = table.byRequestId(request.requestId);
      if (lease === undefined) {
        this.#refuseConflict(request);
        lease = await (request.kind === "exclusive"
          ? this.#grantExclusive(request, signal)
          : this.#grantShared(request));
      } else {
        checkRepeat(lease.record, request);
      }
      return { lease: this.#book.activeView(lease), bounds: this.#dependencies.live.bounds() };
    });
  }

  /**
   * Gives a lease its full TTL again, counted from now.
   * @throws LEASE_UNKNOWN, LEASE_EXPIRED, LEASE_BROKEN, LEASE_RELEASED.
   */
  async renew(leaseId: string): Promise<LeaseView> {
    await this.#turns.expireIfDue(leaseId);
    const lease = this.#book.active(leaseId);
    this.#book.renew(lease);
    return this.#book.activeView(lease);
  }

  /**
   * Ends a lease for its holder; an ended one stays as it ended.
   * @throws LEASE_UNKNOWN.
   */
  release(leaseId: string): Promise<LeaseView> {
    return this.#turns.take(() => this.#end(leaseId, "released"));
  }

  /**
   * Ends a lease for an operator; an ended one stays as it ended.
   * @throws LEASE_UNKNOWN; FENCED when `ifToken` is given and is not its token.
   */
  break(leaseId: string, ifToken: bigint | null): Promise<LeaseView> {
    return this.#turns.take(() => {
      const { token } = this.#book.record(leaseId);
      if (ifToken !== null && token !== ifToken) throw fenced(ifToken, token);
      return this.#end(leaseId, "broken");
    });
  }

  /**
   * Describes a lease, for an hour after its end too.
   * @throws LEASE_UNKNOWN.
   */
  async get(leaseId: string): Promise<LeaseView> {
    await this.#turns.expireIfDue(leaseId);
    return this.#book.view(leaseId);
  }

  /** The active leases with a greater token than `afterToken`, oldest first, at most `limit`. */
  list(afterToken: bigint, limit: number): LeaseView[] {
    const views: LeaseView[] = [];
    for (const lease of this.#book.table.active) {
      if (views.length === limit) break;
      if (lease.record.token > afterToken) views.push(this.#book.activeView(lease));
    }
    return views;
  }

  /**
   * Insists that an exclusive lease with this token holds now.
   * @throws LEASE_REQUIRED for a shared one or an empty id; FENCED when the lease has another
   * token; LEASE_UNKNOWN, LEASE_EXPIRED, LEASE_BROKEN, LEASE_RELEASED.
   */
  async requireExclusive(leaseId: string, token: bigint): Promise<void> {
    this.#checkExclusive(leaseId, token);
    await this.#turns.expireIfDue(leaseId);
    this.#book.active(leaseId);
  }

  /** Leases that are held. */
  get activeCount(): number {
    return this.#book.table.size;
  }

  /** The token of the exclusive lease that is held; null without one. */
  get exclusiveToken(): bigint | null {
    return this.#book.table.exclusive?.record.token ?? null;
  }

  /**
   * Ends an exclusive lease as part of a larger durable step: `publish` writes the record it is
   * given together with its own changes. Commits go on after it has resolved; when it throws, the
   * lease is held as before.
   * @throws like `requireExclusive`, and what `publish` throws.
   */
  releaseWith<T>(
    leaseId: string,
    token: bigint,
    publish: (released: LeaseRecord) => Promise<T>,
  ): Promise<T> {
    return this.#turns.take(async () => {
      this.#checkExclusive(leaseId, token);
      const released = this.#book.endedRecord(this.#book.active(leaseId), "released");
      const result = await publish(released);
      this.#book.ended([released]);
      return result;
    });
  }

  shared(leaseId: string): LeaseGuard {
    if (leaseId === "") throw leaseRequired("shared");
    const lease = this.#book.active(leaseId);
    if (lease.record.kind !== "shared") throw leaseRequired("shared");
    return {
      check: () => {
        this.#book.active(leaseId);
        // Past its time but not written yet: its pin still holds, and this frame may go.
        if (this.#book.isDue(leaseId)) this.#turns.expireSoon();
      },
      onEnd: (ended) => {
        lease.onEnd.add(ended);
        return () => void lease.onEnd.delete(ended);
      },
    };
  }

  oldestPinned(): OldestPinned {
    if (this.exclusiveToken !== null) return { state: 0n, journal: 0n, ledger: 0n };
    return this.#book.table.oldestPinned();
  }

  exclusive(): Promise<() => void> {
    return this.#turns.exclusive();
  }

  #refuseConflict(request: AcquireRequest): void {
    const { table } = this.#book;
    const holder = request.kind === "shared" ? table.exclusive : lastToExpire(table.active);
    if (holder !== null) {
      throw leaseHeld(this.#book.activeView(holder), this.#book.remainingMs(holder));
    }
    if (table.isFull) throw tableFull();
  }

  #grantShared(request: AcquireRequest): Promise<ActiveLease> {
    const { live } = this.#dependencies;
    return this.#book.grant(request, choosePin(request.pin, live), historyOf(live));
  }

  async #grantExclusive(request: AcquireRequest, signal: AbortSignal): Promise<ActiveLease> {
    // Already paused when the one before has just expired. If the grant fails, the end of the turn
    // resumes them.
    this.#resumeCommits ??= await this.#dependencies.commits.pause();
    // Its caller may have gone while it waited for the commit in flight.
    signal.throwIfAborted();
    return await this.#book.grant(request, null, historyOf(this.#dependencies.live));
  }

  #checkExclusive(leaseId: string, token: bigint): void {
    if (leaseId === "") throw leaseRequired("exclusive");
    const record = this.#book.record(leaseId);
    if (record.token !== token) throw fenced(token, record.token);
    if (record.kind !== "exclusive") throw leaseRequired("exclusive");
  }

  async #end(leaseId: string, end: "released" | "broken"): Promise<LeaseView> {
    const lease = this.#book.table.get(leaseId);
    if (lease !== undefined) await this.#book.end([lease], end);
    return this.#book.view(leaseId);
  }

  #resumeUnlessExclusive(): void {
    if (this.exclusiveToken !== null) return;
    this.#resumeCommits?.();
    this.#resumeCommits = null;
  }
}

function historyOf(live: LiveVersions): Buffer | null {
  return live.bounds()?.historyId ?? null;
}

function lastToExpire(leases: Iterable<ActiveLease>): ActiveLease | null {
  let last: ActiveLease | null = null;
  for (const lease of leases) {
    if (last === null || lease.expiresAtMs > last.expiresAtMs) last = lease;
  }
  return last;
}
