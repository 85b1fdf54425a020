import { backup } from "@holdfast/api";
import { BoundedExecutor, type Clock, limits } from "@holdfast/core";
import { rawResponse, serverStreaming, unary } from "@holdfast/rpc";
import type { LiveGeneration } from "../engine/live-generation.js";
import type { ScanPool } from "../engine/scan-pool.js";
import type { LeaseGate } from "../lease/ports.js";
import { dbStateMessage } from "./db-state.js";
import { AheadOfReaders } from "./frames-ahead.js";
import { getStateItemCount } from "./get-state-item-count.js";
import { getStateRangeProof } from "./get-state-range-proof.js";
import { getStateRootProof } from "./get-state-root-proof.js";
import { listStateTiles } from "./list-state-tiles.js";
import { readLive } from "./read-live.js";
import type { ServedService } from "./storage-service.js";
import { streamStateChanges } from "./stream-state-changes.js";
import { streamStateSnapshot } from "./stream-state-snapshot.js";
import { streamStateTiles } from "./stream-state-tiles.js";

/** What the methods of BackupService work with. */
export interface BackupServiceDependencies {
  readonly live: LiveGeneration;
  readonly scans: ScanPool;
  readonly leases: LeaseGate;
  readonly clock: Clock;
}

/** BackupService, and what is to be known of it. */
export interface ServedBackupService extends ServedService {
  /** Streams that are open, or scan jobs that still run behind callers who left. */
  readonly scansRunning: () => number;
}

/** BackupService: one file for each method beside this one. */
export function backupService(dependencies: BackupServiceDependencies): ServedBackupService {
  const { live, scans, clock } = dependencies;
  const slots = new BoundedExecutor(
    {
      slots: limits.STORAGE_SLOTS,
      waitersMax: limits.SLOT_WAITERS_MAX,
      waitMsMax: limits.SLOT_WAIT_MS_MAX,
    },
    clock,
  );
  const streaming = { ...dependencies, slots, ahead: new AheadOfReaders() };
  const { BackupServiceService: definition } = backup;
  return {
    definition: {
      ...definition,
      // Frames are packed by hand and stay bytes.
      streamStateSnapshot: rawResponse(definition.streamStateSnapshot),
      streamStateTiles: rawResponse(definition.streamStateTiles),
      streamStateChanges: rawResponse(definition.streamStateChanges),
    },
    implementation: {
      getDbState: unary(async () => ({ state: readLive(live, dbStateMessage) })),
      getStateItemCount: unary(async (request: backup.GetStateItemCountRequest) =>
        getStateItemCount(live, request),
      ),
      getStateRootProof: unary(async (request: backup.GetStateRootProofRequest) =>
        getStateRootProof(live, request),
      ),
      getStateRangeProof: unary(async (request: backup.GetStateRangeProofRequest) =>
        getStateRangeProof(live, request),
      ),
      listStateTiles: unary((request: backup.ListStateTilesRequest, context) =>
        listStateTiles(dependencies, request, context),
      ),
      streamStateSnapshot: serverStreaming<backup.StreamStateSnapshotRequest, Buffer>(
        async (request, context, frames) =>
          streamStateSnapshot(streaming, request, context, frames),
      ),
      streamStateTiles: serverStreaming<backup.StreamStateTilesRequest, Buffer>(
        async (request, context, frames) => streamStateTiles(streaming, request, context, frames),
      ),
      streamStateChanges: serverStreaming<backup.StreamStateChangesRequest, Buffer>(
        async (request, context, frames) => streamStateChanges(streaming, request, context, frames),
      ),
    },
    scansRunning: () => Math.max(slots.counts.running, scans.counts.running),
  };
}
