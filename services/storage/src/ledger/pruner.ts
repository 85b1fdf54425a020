import { HoldfastError } from "@holdfast/core";
import { Mutex } from "async-mutex";

/** How much of the past is kept, in versions; 0 keeps all. */
export interface Windows {
  readonly stateVersions: bigint;
  readonly ledgerVersions: bigint;
  readonly journalVersions: bigint;
}

/** The oldest versions of each kind. */
export interface Oldest {
  readonly state: bigint;
  readonly transaction: bigint;
  readonly journal: bigint;
}

/** What leases pin: nothing below these goes; a missing one pins nothing. */
export interface Pinned {
  readonly state?: bigint;
  readonly journal?: bigint;
  readonly ledger?: bigint;
}

/** Who knows what is pinned. */
export interface Pins {
  oldestPinned(): Pinned;
  /** No pin is set between this and the call of the function it returns. */
  exclusive(): Promise<() => void>;
}

/** The store, as the pruner needs it. */
export interface PruneStore {
  /** Null for an empty store. */
  standing(): { readonly committed: bigint; readonly oldest: Oldest } | null;
  /** Raises the oldest versions; durable when it resolves. */
  raise(oldest: Oldest): Promise<void>;
  /** Removes a bounded number of rows below the oldest versions; 0 when there are none left. */
  removeSome(): Promise<number>;
}

/** What a call of `prune` asks to keep; null: as the windows have it. */
export interface PruneTarget {
  readonly state: bigint | null;
  readonly transaction: bigint | null;
  readonly journal: bigint | null;
}

/** What a pruning did. */
export interface Pruned {
  readonly oldest: Oldest;
  readonly rowsRemoved: number;
  readonly limitedByLease: boolean;
}

const AS_WINDOWS: PruneTarget = { state: null, transaction: null, journal: null };

/**
 * Drops old state, journal and transactions. `oldest` is raised durably before the first row goes,
 * in the critical section in which leases are granted: what a lease pins is either still whole, or
 * was already out of range when the lease was asked for.
 */
export class Pruner {
  readonly #store: PruneStore;
  readonly #pins: Pins;
  readonly #windows: Windows;
  readonly #mutex: Mutex = new Mutex();

  constructor(store: PruneStore, pins: Pins, windows: Windows) {
    this.#store = store;
    this.#pins = pins;
    this.#windows = windows;
  }

  /**
   * Raises the oldest versions and removes the rows below them.
   * @throws STORE_EMPTY; VERSION_NOT_COMMITTED when asked to keep less than the newest state; the
   * signal's reason between steps (the oldest versions stay raised).
   */
  prune(target: PruneTarget = AS_WINDOWS, signal?: AbortSignal): Promise<Pruned> {
    return this.#mutex.runExclusive(async () => {
      // A caller that left while it waited for its turn raises nothing.
      signal?.throwIfAborted();
      const { oldest, limitedByLease } = await this.#raise(target);
      let rowsRemoved = 0;
      for (;;) {
        signal?.throwIfAborted();
        const removed = await this.#store.removeSome();
        if (removed === 0) return { oldest, rowsRemoved, limitedByLease };
        rowsRemoved += removed;
      }
    });
  }

  async #raise(target: PruneTarget): Promise<{ oldest: Oldest; limitedByLease: boolean }> {
    const leave = await this.#pins.exclusive();
    try {
      const standing = this.#store.standing();
      if (standing === null) throw new HoldfastError("STORE_EMPTY", "The store has no block yet.");
      const { committed, oldest } = standing;
      const pinned = this.#pins.oldestPinned();
      const state = raised(
        oldest.state,
        wanted("state", target.state, committed, this.#windows.stateVersions),
        pinned.state,
      );
      const transaction = raised(
        oldest.transaction,
        // Of the ledger, nothing at all may be kept.
        wanted("transaction", target.transaction, committed + 1n, this.#windows.ledgerVersions),
        pinned.ledger,
      );
      const journal = raised(
        oldest.journal,
        wanted("journal", target.journal, committed, this.#windows.journalVersions),
        pinned.journal,
      );
      const next = { state: state.to, transaction: transaction.to, journal: journal.to };
      const isHigher =
        next.state > oldest.state ||
        next.transaction > oldest.transaction ||
        next.journal > oldest.journal;
      if (isHigher) await this.#store.raise(next);
      return {
        oldest: next,
        limitedByLease: state.limited || transaction.limited || journal.limited,
      };
    } finally {
      leave();
    }
  }
}

/** The oldest version to keep: as asked, or what the window leaves. */
function wanted(what: string, asked: bigint | null, newest: bigint, window: bigint): bigint {
  if (asked !== null && asked > newest) {
    throw new HoldfastError(
      "VERSION_NOT_COMMITTED",
      `oldest_${what}_version can be raised to ${newest} at most, not to ${asked}.`,
      { metadata: { version: `${asked}`, committed_version: `${newest}` } },
    );
  }
  if (asked !== null) return asked;
  return window === 0n || newest <= window ? 0n : newest - window;
}

function raised(
  oldest: bigint,
  to: bigint,
  pinned: bigint | undefined,
): { to: bigint; limited: boolean } {
  const limited = pinned !== undefined && to > pinned && to > oldest;
  const allowed = limited ? pinned : to;
  return { to: allowed > oldest ? allowed : oldest, limited };
}
