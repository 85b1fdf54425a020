/** What a lease excludes: shared ones go together, an exclusive one is alone. */
export type LeaseKind = "shared" | "exclusive";

/** How a lease stands; only `active` holds, and an ended lease never comes back. */
export type LeaseState = "active" | "expired" | "released" | "broken";

/** How an ended lease ended. */
export type LeaseEnd = Exclude<LeaseState, "active">;

/** What pruning leaves alone while a shared lease is active. */
export interface Pin {
  /** Journal and ledger are kept from this version on. */
  readonly fromVersion: bigint;
  /** State and tree nodes are kept at this version. */
  readonly toVersion: bigint;
}

/** A lease as it is kept in the control database. */
export interface LeaseRecord {
  readonly leaseId: string;
  /** Only ever grows, over restarts too. */
  readonly token: bigint;
  readonly kind: LeaseKind;
  readonly state: LeaseState;
  readonly holderLabel: string;
  readonly purpose: string;
  /** Of the acquire that made it; empty when it had none. */
  readonly requestId: string;
  /** What a renewal gives, milliseconds. */
  readonly ttlMs: number;
  /** Null on an exclusive lease, and on a lease of an empty store. */
  readonly pin: Pin | null;
  /** The store's history at the grant, 16 bytes; null when it was empty. */
  readonly historyId: Buffer | null;
  /** Microseconds since 1970, wall clock. */
  readonly acquireTimeUs: bigint;
  /** When it ended, wall clock; null while it is active. */
  readonly endTimeUs: bigint | null;
}

/** A lease as others are told of it. */
export interface LeaseView extends LeaseRecord {
  /** When it ends without a renewal, or when it ended. For showing: the monotonic clock decides. */
  readonly expireTimeUs: bigint;
}

/** What a caller asks for; sizes are checked where the request is parsed. */
export interface AcquireRequest {
  readonly kind: LeaseKind;
  readonly holderLabel: string;
  readonly purpose: string;
  /** Clamped to the limits; null: the default. */
  readonly ttlMs: number | null;
  /** Of a shared lease; what is null is chosen by the lessor. */
  readonly pin: { readonly fromVersion: bigint | null; readonly toVersion: bigint | null };
  /** Empty: a repeat is another request. */
  readonly requestId: string;
}

/** A granted lease and what it can still reach. */
export interface Grant {
  readonly lease: LeaseView;
  /** What the live store holds; null when it is empty. */
  readonly bounds: VersionBounds | null;
}

/** Which versions the live store holds. */
export interface VersionBounds {
  /** 16 bytes. */
  readonly historyId: Buffer;
  readonly committed: bigint;
  readonly oldestState: bigint;
  readonly oldestJournal: bigint;
}
