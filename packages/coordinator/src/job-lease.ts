import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { lease } from "@holdfast/api";
import { ChildAbort, type Clock, HoldfastError, limits, type Timer } from "@holdfast/core";
import type { Gateways } from "./gateways.js";
import type { Patience } from "./patience.js";

/** What a job wants its lease for. */
export interface LeaseWish {
  readonly kind: "shared" | "exclusive";
  readonly purpose: string;
  /** Of a shared lease: the version to read, the newest by default. */
  readonly toVersion?: bigint | undefined;
  /** Of a shared lease: the version a delta starts from. */
  readonly fromVersion?: bigint | undefined;
  /** 30 s by default; the server clamps it. */
  readonly ttlMs?: number;
}

/** What a job's lease works with. */
export interface LeaseDependencies {
  readonly gateways: Gateways;
  readonly clock: Clock;
  readonly patience: Patience;
  /** Ends the job. */
  readonly signal: AbortSignal;
}

/** The holder stops when this part of the TTL went by without a renewal. */
const STOP_AT = 0.8;
/** Renewals begin this often within a TTL. */
const RENEWALS_PER_TTL = 3;
/** A renewal that failed is tried again after this, milliseconds. */
const RENEW_AGAIN_MS = 500;
/** A release may take so long when the job is being ended, milliseconds. */
const RELEASE_MS_MAX = 5_000;

/** Reasons that mean the lease is no more. */
const ENDED: ReadonlySet<string> = new Set([
  "LEASE_EXPIRED",
  "LEASE_BROKEN",
  "LEASE_RELEASED",
  "LEASE_UNKNOWN",
]);

/** True when an error says that the job's lease has ended. */
export function isLeaseEnded(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && ENDED.has(error.reason);
}

/**
 * The lease of one job. It renews itself every third of its TTL; `signal` aborts when the job
 * ends, when the lease has ended, and when 80 % of the TTL, counted from before the last renewal
 * was sent, went by: the job stops before anybody else may begin.
 */
export class JobLease implements AsyncDisposable {
  readonly leaseId: string;
  readonly fencingToken: bigint;
  /** The store's history when it was granted, 16 bytes; empty on an empty store. */
  readonly historyId: Buffer;
  /** The version pinned; null on an exclusive lease and on an empty store. */
  readonly toVersion: bigint | null;
  /** The oldest versions that state can be read at and a delta can start from. */
  readonly oldestState: bigint | null;
  readonly oldestJournal: bigint | null;
  readonly #dependencies: LeaseDependencies;
  readonly #abort: ChildAbort;
  readonly #stopRenewals: AbortController = new AbortController();
  #ttlMs: number;
  #confirmedMs: number;
  #renewTimer: Timer | null = null;
  #stopTimer: Timer | null = null;
  /** Settles when it is given back; null until that begins. */
  #released: Promise<void> | null = null;

  /**
   * Acquires a lease; LEASE_HELD is tried again as long as the patience lasts.
   * @throws HoldfastError as the server sent it.
   */
  static async acquire(wish: LeaseWish, dependencies: LeaseDependencies): Promise<JobLease> {
    const { gateways, clock, patience, signal } = dependencies;
    const ttlMs = wish.ttlMs ?? limits.LEASE_TTL_MS_DEFAULT;
    const request: lease.AcquireLeaseRequest = {
      kind: wish.kind === "shared" ? lease.LeaseKind.SHARED : lease.LeaseKind.EXCLUSIVE,
      holderLabel: `holdfast@${hostname()}:${process.pid}`.slice(0, 128),
      purpose: wish.purpose,
      ttl: { seconds: BigInt(Math.floor(ttlMs / 1000)), nanos: (ttlMs % 1000) * 1_000_000 },
      pin:
        wish.kind === "shared"
          ? { fromVersion: wish.fromVersion, toVersion: wish.toVersion }
          : undefined,
      requestId: randomUUID(),
    };
    /** Before the first call sent that may have been granted; null when none was. */
    let sentMs: number | null = null;
    return patience.retry(async () => {
      sentMs ??= clock.monotonicMs();
      try {
        const answer = await gateways.call(
          ({ lease: client }) => client.acquireLease.bind(client),
          request,
          signal,
        );
        return new JobLease(answer, sentMs, dependencies);
      } catch (error) {
        if (error instanceof HoldfastError && error.reason === "LEASE_HELD") sentMs = null;
        throw error;
      }
    });
  }

  private constructor(
    answer: lease.AcquireLeaseResponse,
    sentMs: number,
    dependencies: LeaseDependencies,
  ) {
    if (answer.lease === undefined) throw new HoldfastError("INTERNAL", "The answer has no lease.");
    this.leaseId = answer.lease.leaseId;
    this.fencingToken = answer.lease.fencingToken;
    this.historyId = answer.lease.historyId;
    this.toVersion = answer.lease.pin?.toVersion ?? null;
    this.oldestState = answer.oldestStateVersion ?? null;
    this.oldestJournal = answer.oldestJournalVersion ?? null;
    this.#dependencies = dependencies;
    this.#abort = new ChildAbort(dependencies.signal);
    this.#ttlMs = ttlOf(answer.lease);
    this.#confirmedMs = sentMs;
    this.#scheduleStop();
    const ageMs = dependencies.clock.monotonicMs() - sentMs;
    this.#scheduleRenewal(Math.max(0, this.#ttlMs / RENEWALS_PER_TTL - ageMs));
  }

  /** Aborts when the job must stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Stops renewing; the lease was released by the server, with the publish of a restore. */
  forget(): void {
    this.#released = Promise.resolve();
    this.#end();
  }

  /**
   * Gives the lease back, also when the job is being ended; at most 5 s are spent on it. A lease
   * that cannot be given back ends by itself.
   */
  release(): Promise<void> {
    this.#end();
    this.#released ??= this.#giveBack();
    return this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #giveBack(): Promise<void> {
    const { gateways } = this.#dependencies;
    const timeoutMs = Math.min(RELEASE_MS_MAX, gateways.timeoutMs);
    await gateways
      .call(
        ({ lease: client }) => client.releaseLease.bind(client),
        { leaseId: this.leaseId },
        new AbortController().signal,
        timeoutMs,
      )
      .catch(() => undefined);
  }

  #end(): void {
    this.#stopRenewals.abort(new Error("the lease is no longer wanted"));
    this.#renewTimer?.cancel();
    this.#stopTimer?.cancel();
    this.#abort[Symbol.dispose]();
  }

  #scheduleRenewal(delayMs: number): void {
    this.#renewTimer = this.#dependencies.clock.setTimer(delayMs, () => {
      this.#renew().catch(() => undefined);
    });
  }

  #scheduleStop(): void {
    const { clock } = this.#dependencies;
    this.#stopTimer?.cancel();
    const leftMs = this.#confirmedMs + STOP_AT * this.#ttlMs - clock.monotonicMs();
    this.#stopTimer = clock.setTimer(leftMs, () => {
      this.#abort.abort(
        new HoldfastError(
          "LEASE_EXPIRED",
          "The lease could not be renewed in time. Run it again to go on where it stopped.",
          { metadata: { lease_id: this.leaseId } },
        ),
      );
      this.#end();
    });
  }

  async #renew(): Promise<void> {
    const { gateways, clock } = this.#dependencies;
    const sentMs = clock.monotonicMs();
    const signal = this.#stopRenewals.signal;
    try {
      const answer = await gateways.call(
        ({ lease: client }) => client.renewLease.bind(client),
        { leaseId: this.leaseId },
        signal,
        Math.min(gateways.timeoutMs, this.#ttlMs / RENEWALS_PER_TTL),
      );
      if (answer.lease !== undefined) this.#ttlMs = ttlOf(answer.lease);
      this.#confirmedMs = sentMs;
      if (signal.aborted) return;
      this.#scheduleStop();
      this.#scheduleRenewal(this.#ttlMs / RENEWALS_PER_TTL);
    } catch (error) {
      if (signal.aborted) return;
      if (isLeaseEnded(error)) {
        this.#abort.abort(error);
        this.#end();
      } else {
        this.#scheduleRenewal(RENEW_AGAIN_MS);
      }
    }
  }
}

function ttlOf({ ttl }: lease.Lease): number {
  if (ttl === undefined) return limits.LEASE_TTL_MS_DEFAULT;
  return Number(ttl.seconds) * 1000 + ttl.nanos / 1_000_000;
}
