import type { LeaseRecord } from "./lease.js";
import type { OldestPinned } from "./ports.js";

/** A lease that holds. */
export interface ActiveLease {
  readonly record: LeaseRecord;
  /** Monotonic milliseconds at which it ends unless it is renewed before. */
  expiresAtMs: number;
  /** Told once when it has ended. */
  readonly onEnd: Set<(error: Error) => void>;
}

/** Active leases at the same time. Each costs some 500 bytes and a row; a job has one. */
export const ACTIVE_LEASES_MAX = 1_000;
/** Ended leases that can still be described: number, and age in milliseconds. */
export const ENDED_LEASES_MAX = 10_000;
export const ENDED_LEASE_AGE_MS_MAX = 3_600_000;

/** The leases in memory; every change was durable before it is made here. */
export class LeaseTable {
  /** In order of grant. */
  readonly #active: Map<string, ActiveLease> = new Map();
  readonly #byRequestId: Map<string, ActiveLease> = new Map();
  /** In order of end, with the monotonic time at which they are forgotten. */
  readonly #ended: Map<string, { readonly record: LeaseRecord; readonly untilMs: number }> =
    new Map();

  get active(): Iterable<ActiveLease> {
    return this.#active.values();
  }

  /** Number of active leases. */
  get size(): number {
    return this.#active.size;
  }

  get isFull(): boolean {
    return this.#active.size >= ACTIVE_LEASES_MAX;
  }

  /** The exclusive lease, if one is held. */
  get exclusive(): ActiveLease | null {
    const [first] = this.#active.values();
    return first?.record.kind === "exclusive" ? first : null;
  }

  get(leaseId: string): ActiveLease | undefined {
    return this.#active.get(leaseId);
  }

  ended(leaseId: string, nowMs: number): LeaseRecord | undefined {
    const entry = this.#ended.get(leaseId);
    return entry !== undefined && nowMs < entry.untilMs ? entry.record : undefined;
  }

  byRequestId(requestId: string): ActiveLease | undefined {
    return requestId === "" ? undefined : this.#byRequestId.get(requestId);
  }

  add(record: LeaseRecord, expiresAtMs: number): ActiveLease {
    const lease: ActiveLease = { record, expiresAtMs, onEnd: new Set() };
    this.#active.set(record.leaseId, lease);
    if (record.requestId !== "") this.#byRequestId.set(record.requestId, lease);
    return lease;
  }

  /** Takes ended leases over, oldest end first, each to be forgotten at its time. */
  addEnded(record: LeaseRecord, untilMs: number): void {
    this.#active.delete(record.leaseId);
    // Another lease may have been acquired with the same id since.
    if (this.#byRequestId.get(record.requestId)?.record.leaseId === record.leaseId) {
      this.#byRequestId.delete(record.requestId);
    }
    this.#ended.set(record.leaseId, { record, untilMs });
  }

  /** Active leases whose TTL has run out. */
  due(nowMs: number): ActiveLease[] {
    return [...this.#active.values()].filter((lease) => lease.expiresAtMs <= nowMs);
  }

  /** When the next active lease ends unless it is renewed; null without one. */
  nextExpiryMs(): number | null {
    let next: number | null = null;
    for (const { expiresAtMs } of this.#active.values()) {
      if (next === null || expiresAtMs < next) next = expiresAtMs;
    }
    return next;
  }

  /** Ids of ended leases that are too old, or too many once `coming` more are added. */
  forgettable(nowMs: number, coming: number): string[] {
    let surplus = this.#ended.size + coming - ENDED_LEASES_MAX;
    const ids: string[] = [];
    for (const [leaseId, { untilMs }] of this.#ended) {
      if (untilMs > nowMs && surplus <= 0) break;
      ids.push(leaseId);
      surplus -= 1;
    }
    return ids;
  }

  forget(leaseIds: readonly string[]): void {
    for (const leaseId of leaseIds) this.#ended.delete(leaseId);
  }

  /** Lowest versions that shared leases pin. */
  oldestPinned(): OldestPinned {
    let state: bigint | null = null;
    let from: bigint | null = null;
    for (const { record } of this.#active.values()) {
      if (record.pin === null) continue;
      state = least(state, record.pin.toVersion);
      from = least(from, record.pin.fromVersion);
    }
    return state === null || from === null ? {} : { state, journal: from, ledger: from };
  }
}

function least(a: bigint | null, b: bigint): bigint {
  return a === null || b < a ? b : a;
}
