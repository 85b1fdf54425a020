import { type backup, lease, type types } from "@holdfast/api";
import { HoldfastError, systemClock } from "@holdfast/core";
import { unary } from "@holdfast/rpc";
import type { ServiceJobDependencies } from "../job.js";
import { fakeGateway } from "./fake-gateway.js";
import type { WrittenArchive } from "./written-archive.js";

/** A store behind a gateway that answers a backup up to its first tile. */
export interface FakeStore extends AsyncDisposable {
  readonly job: ServiceJobDependencies;
  /** The stream that a backup asked for, which failed with STORE_EMPTY. */
  readonly streams: ("full" | "delta")[];
}

/** What a test's store does in its own way. */
export interface FakeStoreOptions {
  /** What it says of itself, answer by answer; the last is what it is. */
  readonly states?: readonly Partial<types.DbState>[];
  /** Throws where the store cannot prove a version, or cannot show what it goes on from. */
  readonly onRootProof?: (request: backup.GetStateRootProofRequest) => void;
}

/** The store whose versions were written as snapshots of `ledger`. */
export async function fakeStore(
  ledger: WrittenArchive,
  { states = [{}], onRootProof }: FakeStoreOptions = {},
): Promise<FakeStore> {
  const streams: FakeStore["streams"] = [];
  const [...told] = states;
  const dbState: types.DbState = { ...ledger.dbState(), ...told.at(-1) };
  const stream = (kind: "full" | "delta") =>
    unary<object, never>(async () => {
      streams.push(kind);
      throw new HoldfastError("STORE_EMPTY", "No tile in this test.");
    });
  const gateway = await fakeGateway({
    getDbState: unary<object, backup.GetDbStateResponse>(async () => ({
      state: { ...dbState, ...told.shift() },
    })),
    acquireLease: unary<lease.AcquireLeaseRequest, lease.AcquireLeaseResponse>(async ({ pin }) => ({
      lease: grantedLease(
        pin?.toVersion ?? dbState.committedVersion,
        dbState.histories[0]?.historyId ?? Buffer.alloc(0),
      ),
      oldestStateVersion: dbState.oldestStateVersion,
      oldestJournalVersion: dbState.oldestJournalVersion,
    })),
    releaseLease: unary<object, lease.ReleaseLeaseResponse>(async () => ({})),
    getStateRootProof: unary<backup.GetStateRootProofRequest, backup.GetStateRootProofResponse>(
      async (request) => {
        onRootProof?.(request);
        return ledger.rootProof(request.version ?? 0n, request.extendsVersion);
      },
    ),
    getStateItemCount: unary<object, backup.GetStateItemCountResponse>(async () => ({
      version: dbState.committedVersion ?? 0n,
      items: dbState.items,
      bytes: dbState.bytes,
    })),
    streamStateSnapshot: stream("full"),
    streamStateChanges: stream("delta"),
  });
  return {
    job: {
      clock: systemClock,
      signal: new AbortController().signal,
      gateways: gateway.gateways,
      retryForMs: 0,
    },
    streams,
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

function grantedLease(toVersion: bigint | undefined, historyId: Buffer): lease.Lease {
  return {
    leaseId: "lease-1",
    fencingToken: 1n,
    kind: lease.LeaseKind.SHARED,
    state: lease.LeaseState.ACTIVE,
    holderLabel: "",
    purpose: "",
    acquireTime: undefined,
    expireTime: undefined,
    ttl: { seconds: 30n, nanos: 0 },
    pin: { fromVersion: toVersion, toVersion },
    historyId,
  };
}
