import { limits } from "@holdfast/core";
import {
  AdminServer,
  formatAddress,
  Metrics,
  type ProcessHost,
  type RunningService,
} from "@holdfast/process";
import { GrpcServer } from "@holdfast/rpc";
import type { StorageConfig } from "./config.js";
import { PruneTimer } from "./ledger/prune-timer.js";
import { type OpenParts, openParts } from "./open-parts.js";
import { openRestoreService } from "./restore-parts.js";
import { leaseService } from "./rpc/lease-service.js";
import { type ServedService, storageService } from "./rpc/storage-service.js";
import { openBackupService } from "./scan-parts.js";
import { observeParts } from "./storage-metrics.js";
import type { StorageParts } from "./storage-parts.js";

/** Calls open at the same time on one connection: two gateways' worth of streams, and unary. */
const CONCURRENT_STREAMS_MAX = 2_048;
/** After a failure of the engine, answers get this long to reach their callers, milliseconds. */
const FAILED_GRACE_MS = 500;

/**
 * The services of storage. Each is made of the parts it needs; what it opens it registers with
 * `parts.onClose`, and what it holds of a generation with `parts.onRetire`.
 */
const SERVICES: readonly ((parts: StorageParts) => ServedService | Promise<ServedService>)[] = [
  storageService,
  openBackupService,
  leaseService,
  openRestoreService,
];

/** Opens the store and serves it. This is where everything is put together. */
export async function startStorageServer(
  config: StorageConfig,
  { logger, fatal }: ProcessHost,
): Promise<RunningService> {
  const metrics = new Metrics("storage");
  const parts = await openParts(config, {
    logger,
    metrics,
    fail: (error) => endProcess(error, fatal),
  });
  try {
    return await serve(config, parts);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function serve(config: StorageConfig, parts: OpenParts): Promise<RunningService> {
  const { clock, logger, metrics, pruner } = parts;
  observeParts(parts);
  const pruneTimer = new PruneTimer(pruner, clock, (error) =>
    logger.error({ error }, "pruning failed; it is tried again"),
  );
  parts.onClose(() => pruneTimer.close());
  const server = new GrpcServer({
    logger,
    receiveBytesMax: limits.STORAGE_RECEIVE_BYTES_MAX,
    concurrentStreamsMax: CONCURRENT_STREAMS_MAX,
    observer: metrics.callCounter(),
  });
  const names: string[] = [];
  for (const make of SERVICES) {
    const { definition, implementation } = await make(parts);
    server.add(definition, implementation);
    names.push(Object.values(definition)[0]?.path.split("/")[1] ?? "");
  }
  let notReady: readonly string[] = ["the store is opening"];
  const admin = new AdminServer(metrics, () => notReady);
  const adminAddress = await admin.start(config.adminListen);
  parts.onClose(() => admin.stop());
  const listen = await server.start(formatAddress(config.listen));
  let isDraining = false;
  const becomeReady = (reasons: readonly string[]): void => {
    // Draining has set the health for good.
    if (isDraining) return;
    for (const name of names)
      server.setHealth(name, reasons.length === 0 ? "SERVING" : "NOT_SERVING");
    notReady = reasons;
  };
  parts.onSwap((isSwapping) => becomeReady(isSwapping ? ["a restore is being published"] : []));
  becomeReady([]);
  return {
    listen,
    admin: adminAddress,
    drain: async (hurry) => {
      isDraining = true;
      notReady = ["the process is shutting down"];
      const { drainDelayMs: delayMs, drainGraceMs: graceMs } = config;
      await server.drain({ delayMs, graceMs, hurry });
    },
    stop: async () => {
      await server.stop();
      await parts.close();
    },
  };
}

/**
 * Ends the process hard. LMDB after a failed write may hang in its own exit handlers, and there is
 * nothing to save: what was acknowledged is durable.
 */
function endProcess(error: unknown, fatal: ProcessHost["fatal"]): void {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 2 * FAILED_GRACE_MS);
  setTimeout(() => fatal(error, "the engine failed; the process ends"), FAILED_GRACE_MS);
}
