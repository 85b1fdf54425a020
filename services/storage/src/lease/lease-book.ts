import { type Clock, HoldfastError, limits } from "@holdfast/core";
import type { AcquireRequest, LeaseEnd, LeaseRecord, LeaseView, Pin } from "./lease.js";
import { leaseEnded, leaseUnknown } from "./lease-errors.js";
import { type ActiveLease, ENDED_LEASE_AGE_MS_MAX, LeaseTable } from "./lease-table.js";
import type { LeaseStore } from "./ports.js";

/** What a `LeaseBook` works with. */
export interface LeaseBookDependencies {
  readonly clock: Clock;
  readonly store: LeaseStore;
  /** A new id for a lease; must never repeat. */
  readonly newLeaseId: () => string;
}

/**
 * The lease table in memory and in the store: each change is durable before memory follows. Its
 * owner lets one writing call in at a time.
 */
export class LeaseBook {
  readonly table: LeaseTable = new LeaseTable();
  readonly #clock: Clock;
  readonly #store: LeaseStore;
  readonly #newLeaseId: () => string;
  #lastToken = 0n;

  constructor(dependencies: LeaseBookDependencies) {
    this.#clock = dependencies.clock;
    this.#store = dependencies.store;
    this.#newLeaseId = dependencies.newLeaseId;
  }

  /** Takes up what the store holds: active leases have their full TTL again. */
  load(): void {
    const { records, lastToken } = this.#store.load();
    this.#lastToken = lastToken;
    const nowMs = this.#clock.monotonicMs();
    const byToken = [...records].sort((a, b) => (a.token < b.token ? -1 : 1));
    for (const record of byToken) {
      if (record.endTimeUs === null) this.table.add(record, nowMs + record.ttlMs);
    }
    const ended = byToken.filter((record) => record.endTimeUs !== null);
    ended.sort((a, b) => Number((a.endTimeUs ?? 0n) - (b.endTimeUs ?? 0n)));
    for (const record of ended) this.table.addEnded(record, nowMs + this.#describableMs(record));
  }

  /** Makes a lease with the next fencing token, on a history of the store. */
  async grant(
    request: AcquireRequest,
    pin: Pin | null,
    historyId: Buffer | null,
  ): Promise<ActiveLease> {
    const record: LeaseRecord = {
      leaseId: this.#newLeaseId(),
      token: this.#lastToken + 1n,
      kind: request.kind,
      state: "active",
      holderLabel: request.holderLabel,
      purpose: request.purpose,
      requestId: request.requestId,
      ttlMs: clampTtl(request.ttlMs),
      pin,
      historyId,
      acquireTimeUs: this.#clock.wallUs(),
      endTimeUs: null,
    };
    // A token whose write failed is not used again: it may be on disk.
    this.#lastToken = record.token;
    await this.#write([record]);
    // Its time runs from here: the holder counts from before it asked.
    return this.table.add(record, this.#clock.monotonicMs() + record.ttlMs);
  }

  /** Ends leases in one durable step. */
  async end(leases: readonly ActiveLease[], end: LeaseEnd): Promise<void> {
    if (leases.length === 0) return;
    const records = leases.map((lease) => this.endedRecord(lease, end));
    await this.#write(records);
    this.ended(records);
  }

  /** The record of a lease as it will be once it has ended. */
  endedRecord(lease: ActiveLease, end: LeaseEnd): LeaseRecord {
    return { ...lease.record, state: end, endTimeUs: this.#clock.wallUs() };
  }

  /** These ends are durable: memory follows, and who waits for them is told. */
  ended(records: readonly LeaseRecord[]): void {
    const untilMs = this.#clock.monotonicMs() + ENDED_LEASE_AGE_MS_MAX;
    for (const record of records) {
      const listeners = [...(this.table.get(record.leaseId)?.onEnd ?? [])];
      this.table.addEnded(record, untilMs);
      for (const listener of listeners) listener(endedError(record));
    }
  }

  /** Whether an active lease is past its time: its end is not written yet, but nothing saves it. */
  isDue(leaseId: string): boolean {
    const lease = this.table.get(leaseId);
    return lease !== undefined && lease.expiresAtMs <= this.#clock.monotonicMs();
  }

  /** Ends what is past its time. */
  async expireDue(): Promise<void> {
    await this.end(this.table.due(this.#clock.monotonicMs()), "expired");
  }

  /** Gives a lease its full TTL again. */
  renew(lease: ActiveLease): void {
    lease.expiresAtMs = this.#clock.monotonicMs() + lease.record.ttlMs;
  }

  /** @throws LEASE_UNKNOWN, LEASE_EXPIRED, LEASE_BROKEN, LEASE_RELEASED. */
  active(leaseId: string): ActiveLease {
    const lease = this.table.get(leaseId);
    if (lease === undefined) throw endedError(this.record(leaseId));
    return lease;
  }

  /**
   * The record of an active or lately ended lease.
   * @throws LEASE_UNKNOWN.
   */
  record(leaseId: string): LeaseRecord {
    const record =
      this.table.get(leaseId)?.record ?? this.table.ended(leaseId, this.#clock.monotonicMs());
    if (record === undefined) throw leaseUnknown(leaseId);
    return record;
  }

  /** Milliseconds until a lease ends without a renewal. */
  remainingMs(lease: ActiveLease): number {
    return Math.max(0, lease.expiresAtMs - this.#clock.monotonicMs());
  }

  /** @throws LEASE_UNKNOWN. */
  view(leaseId: string): LeaseView {
    const lease = this.table.get(leaseId);
    if (lease !== undefined) return this.activeView(lease);
    const record = this.record(leaseId);
    return { ...record, expireTimeUs: record.endTimeUs ?? record.acquireTimeUs };
  }

  activeView(lease: ActiveLease): LeaseView {
    const remainingUs = BigInt(Math.round(this.remainingMs(lease) * 1000));
    return { ...lease.record, expireTimeUs: this.#clock.wallUs() + remainingUs };
  }

  async #write(puts: readonly LeaseRecord[]): Promise<void> {
    const ended = puts.filter((record) => record.state !== "active").length;
    const removals = this.table.forgettable(this.#clock.monotonicMs(), ended);
    await this.#store.write({ puts, removals, lastToken: this.#lastToken });
    this.table.forget(removals);
  }

  /** How much longer an ended lease is described; the wall clock may have jumped meanwhile. */
  #describableMs(record: LeaseRecord): number {
    const agoMs = Number((this.#clock.wallUs() - (record.endTimeUs ?? 0n)) / 1000n);
    return Math.min(Math.max(ENDED_LEASE_AGE_MS_MAX - agoMs, 0), ENDED_LEASE_AGE_MS_MAX);
  }
}

/** REQUEST_ID_REUSED unless the request is the one that made the lease. */
export function checkRepeat(record: LeaseRecord, request: AcquireRequest): void {
  const { fromVersion, toVersion } = request.pin;
  const same =
    record.kind === request.kind &&
    record.holderLabel === request.holderLabel &&
    record.purpose === request.purpose &&
    record.ttlMs === clampTtl(request.ttlMs) &&
    (toVersion === null || toVersion === record.pin?.toVersion) &&
    (fromVersion === null || fromVersion === record.pin?.fromVersion);
  if (same) return;
  throw new HoldfastError(
    "REQUEST_ID_REUSED",
    `Request id ${request.requestId} was used for another lease. Use a new one.`,
    { metadata: { request_id: request.requestId } },
  );
}

function clampTtl(ttlMs: number | null): number {
  const asked = ttlMs ?? limits.LEASE_TTL_MS_DEFAULT;
  return Math.min(Math.max(asked, limits.LEASE_TTL_MS_MIN), limits.LEASE_TTL_MS_MAX);
}

function endedError(record: LeaseRecord): HoldfastError {
  if (record.state === "active") throw new Error(`lease ${record.leaseId} is active`);
  return leaseEnded(record.leaseId, record.state);
}
