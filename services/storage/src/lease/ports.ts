import type { LeaseRecord, VersionBounds } from "./lease.js";

/** What the control database keeps for the lessor. */
export interface LeaseStore {
  /** All records, and the newest fencing token ever given. */
  load(): { readonly records: readonly LeaseRecord[]; readonly lastToken: bigint };
  /**
   * Writes all of it in one transaction; durable when it resolves.
   * @throws ENGINE_FAILED.
   */
  write(change: LeaseChange): Promise<void>;
}

/** One durable step of the lease table. */
export interface LeaseChange {
  readonly puts: readonly LeaseRecord[];
  /** Ids of records that are forgotten. */
  readonly removals: readonly string[];
  /** The newest fencing token given. */
  readonly lastToken: bigint;
}

/** What the lessor asks of the live store; point reads, as of its newest commit. */
export interface LiveVersions {
  /** Null when the store is empty. */
  bounds(): VersionBounds | null;
  isCheckpoint(version: bigint): boolean;
  /** The nearest checkpoints below and above a version that are kept, not itself. */
  checkpointsAround(version: bigint): {
    readonly before: bigint | null;
    readonly after: bigint | null;
  };
}

/** The stream of commits, which rests while an exclusive lease is held. */
export interface CommitGate {
  /**
   * Waits for the commit in flight; from then on commits are refused with RESTORE_IN_PROGRESS
   * until the returned function is called.
   */
  pause(): Promise<() => void>;
}

/** What a stream asks for every frame. */
export interface LeaseGuard {
  /**
   * Cheap, synchronous.
   * @throws LEASE_EXPIRED, LEASE_BROKEN, LEASE_RELEASED once the lease has ended.
   */
  check(): void;
  /**
   * Calls `ended` once, with the error that `check` throws, when the lease ends, so that a waiting
   * stream ends too.
   * @returns takes the listener away again; every stream must call it.
   */
  onEnd(ended: (error: Error) => void): () => void;
}

/** The early check of every stream. */
export interface LeaseGate {
  /**
   * A guard for a stream under a shared lease.
   * @throws LEASE_REQUIRED for an empty id or an exclusive lease; LEASE_UNKNOWN; LEASE_EXPIRED,
   * LEASE_BROKEN, LEASE_RELEASED.
   */
  shared(leaseId: string): LeaseGuard;
}

/** What must not be pruned: nothing below these versions goes; a missing one pins nothing. */
export interface OldestPinned {
  readonly state?: bigint;
  readonly journal?: bigint;
  readonly ledger?: bigint;
}

/** What the pruner asks. */
export interface PinSource {
  /** Lowest versions that leases pin; all 0 while an exclusive lease is held: pruning rests. */
  oldestPinned(): OldestPinned;
  /**
   * Enters the critical section in which leases are granted: no pin is set until the returned
   * function is called. The pruner reads `oldestPinned` and raises `oldest` durably inside it.
   */
  exclusive(): Promise<() => void>;
}
