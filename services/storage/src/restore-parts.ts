import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { EMPTY_HASH } from "@holdfast/merkle";
import { BuildGenerations } from "./engine/build-generations.js";
import { TilePool } from "./engine/tile-pool.js";
import type { LiveState } from "./restore/ports.js";
import { Restorer } from "./restore/restorer.js";
import { readLive } from "./rpc/read-live.js";
import { restoreService } from "./rpc/restore-service.js";
import type { ServedService } from "./rpc/storage-service.js";
import type { StoreReader } from "./state/state-reader.js";
import { checkpointAt } from "./state/versions.js";
import type { StorageParts } from "./storage-parts.js";

/** Threads that prove tiles, most: two keep the database's thread busy. */
const TILE_THREADS_MAX = 2;
const ID_BYTES = 16;

/** RestoreService on the parts of a storage process. */
export function openRestoreService(parts: StorageParts): ServedService {
  const { clock, logger, dataDir, lessor, live, swapLive } = parts;
  const restorer = new Restorer({
    clock,
    logger,
    store: dataDir.control.restores,
    lessor,
    live: { state: () => readLive(live, liveState), goLive: swapLive },
    generations: new BuildGenerations(dataDir),
    // One core is left for the database and for what comes in.
    provers: new TilePool(Math.max(1, Math.min(TILE_THREADS_MAX, availableParallelism() - 1))),
    disk: parts.disk,
    randomId: () => randomBytes(ID_BYTES),
    onFailure: parts.fail,
  });
  parts.onClose(() => restorer.close());
  return restoreService(restorer, clock);
}

function liveState(reader: StoreReader): LiveState {
  const { ledgerId, histories, committed } = reader.meta();
  const stateRoot = committed === null ? EMPTY_HASH : checkpointAt(reader, committed).stateRoot;
  return { ledgerId, histories, committed, stateRoot };
}
