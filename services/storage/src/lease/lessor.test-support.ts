import { ManualClock } from "@holdfast/testing";
import type { AcquireRequest, LeaseRecord, VersionBounds } from "./lease.js";
import { Lessor } from "./lessor.js";
import type { CommitGate, LeaseChange, LeaseStore, LiveVersions } from "./ports.js";

/** A lease store that is as durable as the test object. */
export class MemoryLeaseStore implements LeaseStore {
  readonly records: Map<string, LeaseRecord> = new Map();
  lastToken = 0n;
  writes = 0;
  /** Fails the next writes. */
  failing: Error | null = null;
  /** Holds writes back until the test lets them through. */
  gate: Promise<void> = Promise.resolve();

  load(): { records: LeaseRecord[]; lastToken: bigint } {
    return { records: [...this.records.values()], lastToken: this.lastToken };
  }

  async write({ puts, removals, lastToken }: LeaseChange): Promise<void> {
    await this.gate;
    if (this.failing !== null) throw this.failing;
    this.writes += 1;
    for (const record of puts) this.records.set(record.leaseId, record);
    for (const leaseId of removals) this.records.delete(leaseId);
    this.lastToken = lastToken;
  }
}

/** A commit gate that knows whether it is paused, and can have a commit in flight. */
export class FakeCommitGate implements CommitGate {
  pauses = 0;
  /** Resolves when the commit in flight is done. */
  inFlight: Promise<void> = Promise.resolve();

  get paused(): boolean {
    return this.pauses > 0;
  }

  async pause(): Promise<() => void> {
    this.pauses += 1;
    await this.inFlight;
    return () => {
      this.pauses -= 1;
    };
  }
}

/** What a store holds. */
export const BOUNDS: VersionBounds = {
  historyId: Buffer.alloc(16, "h"),
  committed: 29n,
  oldestState: 5n,
  oldestJournal: 3n,
};

/** A store whose every third version, from 2 on, is a checkpoint. */
export class FakeLive implements LiveVersions {
  current: VersionBounds | null = BOUNDS;

  bounds(): VersionBounds | null {
    return this.current;
  }

  isCheckpoint(version: bigint): boolean {
    return (version + 1n) % 3n === 0n;
  }

  checkpointsAround(version: bigint): { before: bigint | null; after: bigint | null } {
    const before = version - 1n - (version % 3n);
    return { before, after: before + 3n };
  }
}

/** A lessor and all it works with; `restart` makes another one on the same store. */
export interface Bench {
  readonly clock: ManualClock;
  readonly store: MemoryLeaseStore;
  readonly live: FakeLive;
  readonly commits: FakeCommitGate;
  readonly failures: unknown[];
  lessor: Lessor;
  restart(): Promise<void>;
}

/** Opens a lessor on an empty store. */
export async function openBench(): Promise<Bench> {
  let made = 0;
  const open = (bench: Omit<Bench, "lessor" | "restart">) =>
    Lessor.open({
      ...bench,
      newLeaseId: () => `lease-${++made}`,
      onFailure: (error) => bench.failures.push(error),
    });
  const parts = {
    clock: new ManualClock(),
    store: new MemoryLeaseStore(),
    live: new FakeLive(),
    commits: new FakeCommitGate(),
    failures: [],
  };
  const bench: Bench = {
    ...parts,
    lessor: await open(parts),
    async restart() {
      bench.lessor.close();
      bench.commits.pauses = 0;
      bench.lessor = await open(bench);
    },
  };
  return bench;
}

/** A request for a shared lease with the default TTL. */
export function ask(changes: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    kind: "shared",
    holderLabel: "backup of Monday",
    purpose: "test",
    ttlMs: null,
    pin: { fromVersion: null, toVersion: null },
    requestId: "",
    ...changes,
  };
}

/** A signal that nobody aborts. */
export const patient: AbortSignal = new AbortController().signal;
