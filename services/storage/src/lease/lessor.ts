import { HoldfastError, type Timer } from "@holdfast/core";
import { Mutex } from "async-mutex";
import type { AcquireRequest, Grant, LeaseRecord, LeaseView } from "./lease.js";
import { checkRepeat, LeaseBook, type LeaseBookDependencies } from "./lease-book.js";
import { fenced, leaseHeld, leaseRequired } from "./lease-errors.js";
import type { ActiveLease } from "./lease-table.js";
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

/** Calls that wait for their turn at the same time; each turn is one small durable write. */
const WAITING_CALLS_MAX = 1_000;
/** What a caller that is refused for want of room is told to wait, milliseconds. */
const RETRY_AFTER_MS = 1_000;

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
  readonly #mutex: Mutex = new Mutex();
  #waiting = 0;
  #expiring = false;
  #resumeCommits: (() => void) | null = null;
  #timer: Timer | null = null;

  private constructor(dependencies: LessorDependencies) {
    this.#dependencies = dependencies;
    this.#book = new LeaseBook(dependencies);
  }

  /**
   * Takes up what the store holds; commits rest again when an exclusive lease is among it. To be
   * awaited before any call is served.
   */
  static async open(dependencies: LessorDependencies): Promise<Lessor> {
    const lessor = new Lessor(dependencies);
    lessor.#book.load();
    if (lessor.exclusiveToken !== null) lessor.#resumeCommits = await dependencies.commits.pause();
    lessor.#setTimer();
    return lessor;
  }

  /** Stops the timer. Leases live on in the store. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /**
   * Grants a lease, or refuses at once. An exclusive grant waits for the commit in flight.
   * @throws LEASE_HELD, TABLE_FULL, REQUEST_ID_REUSED, VERSION_NOT_COMMITTED, NOT_A_CHECKPOINT,
   * INVALID_REQUEST, NO_SLOT; the signal's reason when the caller has gone before the grant.
   */
  acquire(request: AcquireRequest, signal: AbortSignal): Promise<Grant> {
    return this.#inTurn(async () => {
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
    await this.#expireIfDue(leaseId);
    const lease = this.#book.active(leaseId);
    this.#book.renew(lease);
    return this.#book.activeView(lease);
  }

  /**
   * Ends a lease for its holder; an ended one stays as it ended.
   * @throws LEASE_UNKNOWN.
   */
  release(leaseId: string): Promise<LeaseView> {
    return this.#inTurn(() => this.#end(leaseId, "released"));
  }

  /**
   * Ends a lease for an operator; an ended one stays as it ended.
   * @throws LEASE_UNKNOWN; FENCED when `ifToken` is given and is not its token.
   */
  break(leaseId: string, ifToken: bigint | null): Promise<LeaseView> {
    return this.#inTurn(() => {
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
    await this.#expireIfDue(leaseId);
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
    await this.#expireIfDue(leaseId);
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
    return this.#inTurn(async () => {
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
        if (this.#book.isDue(leaseId)) this.#expireSoon();
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
    return this.#mutex.acquire();
  }

  #refuseConflict(request: AcquireRequest): void {
    const { table } = this.#book;
    const holder = request.kind === "shared" ? table.exclusive : lastToExpire(table.active);
    if (holder !== null) {
      throw leaseHeld(this.#book.activeView(holder), this.#book.remainingMs(holder));
    }
    if (table.isFull) {
      throw new HoldfastError("TABLE_FULL", "The lease table is full. Try again later.", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
  }

  #grantShared(request: AcquireRequest): Promise<ActiveLease> {
    const { live } = this.#dependencies;
    return this.#book.grant(request, choosePin(request.pin, live), historyOf(live));
  }

  async #grantExclusive(request: AcquireRequest, signal: AbortSignal): Promise<ActiveLease> {
    // Already paused when the one before has just expired. If the grant fails, `#settle` resumes.
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

  /** The one way in for whatever writes; what is past its time ends first. */
  async #inTurn<T>(step: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_CALLS_MAX) {
      throw new HoldfastError("NO_SLOT", "Too many calls wait for the lease table.", {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    this.#waiting += 1;
    try {
      return await this.#mutex.runExclusive(async () => {
        try {
          await this.#book.expireDue();
          return await step();
        } finally {
          this.#settle();
        }
      });
    } finally {
      this.#waiting -= 1;
    }
  }

  /** After a step: commits go on once no exclusive lease is held, and the timer is set anew. */
  #settle(): void {
    if (this.exclusiveToken === null) {
      this.#resumeCommits?.();
      this.#resumeCommits = null;
    }
    this.#setTimer();
  }

  async #expireIfDue(leaseId: string): Promise<void> {
    if (this.#book.isDue(leaseId)) await this.#inTurn(() => Promise.resolve());
  }

  /** One timer, for the lease that ends first; a renewal does not move it, it looks again. */
  #setTimer(): void {
    this.#timer?.cancel();
    const nextMs = this.#book.table.nextExpiryMs();
    if (nextMs === null) {
      this.#timer = null;
      return;
    }
    const { clock } = this.#dependencies;
    this.#timer = clock.setTimer(Math.ceil(nextMs - clock.monotonicMs()), () => {
      this.#expireSoon();
    });
  }

  #expireSoon(): void {
    if (this.#expiring) return;
    this.#expiring = true;
    this.#mutex
      .runExclusive(async () => {
        await this.#book.expireDue();
        this.#settle();
      })
      .catch(this.#dependencies.onFailure)
      .finally(() => {
        this.#expiring = false;
      });
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
