import { randomUUID } from "node:crypto";
import { type Logger, systemClock } from "@holdfast/core";
import type { Metrics } from "@holdfast/process";
import type { StorageConfig } from "./config.js";
import { CommitThreads } from "./engine/commit-threads.js";
import { DataDir } from "./engine/data-dir.js";
import { FreeDiskGuard } from "./engine/disk-guard.js";
import { LiveGeneration } from "./engine/live-generation.js";
import { liveVersionsOf } from "./engine/live-versions.js";
import { PruneThread } from "./engine/prune-thread.js";
import { Lessor } from "./lease/lessor.js";
import { Committer } from "./ledger/committer.js";
import { Pruner } from "./ledger/pruner.js";
import type { StorageParts } from "./storage-parts.js";

/** What the parts need of the process. */
export interface PartsHost {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The engine failed: the process ends. */
  readonly fail: (error: unknown) => void;
}

/** The parts, opened. */
export interface OpenParts extends StorageParts {
  /** Closes everything, what was opened last first. */
  close(): Promise<void>;
}

/** Opens the data directory and starts the threads. @throws ENGINE_FAILED */
export async function openParts(config: StorageConfig, host: PartsHost): Promise<OpenParts> {
  const { logger, metrics } = host;
  const clock = systemClock;
  const closers: (() => Promise<void>)[] = [];
  const retireListeners: ((path: string) => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    const dataDir = await DataDir.open(config.dataDir);
    closers.push(() => dataDir.close());
    const { number, env } = await dataDir.openLive();
    const live = new LiveGeneration(number, env, {
      retire: async (retired, old) => {
        for (const listener of retireListeners) await listener(old.path);
        await old.close();
        await dataDir.removeGeneration(retired);
        logger.info({ generation: retired }, "a replaced generation was removed");
      },
      onFailure: (error) => logger.error({ error }, "a replaced generation was not removed"),
    });
    closers.push(() => live.close());
    const disk = new FreeDiskGuard(() => dataDir.freeBytes(), BigInt(config.diskLowBytes), clock);
    const threads = await CommitThreads.start(live.path, { clock, onFailure: host.fail });
    const committer = new Committer(threads, disk);
    closers.push(() => committer.close());
    await dataDir.removeLeftovers();
    // After a failure nothing is acknowledged any more: a restore may be published on disk while
    // this process still stands on the generation before.
    const fail = (error: unknown): void => {
      void committer.pause();
      host.fail(error);
    };
    const lessor = await Lessor.open({
      clock,
      store: dataDir.control.leases,
      newLeaseId: randomUUID,
      live: liveVersionsOf(live),
      commits: committer,
      onFailure: fail,
    });
    closers.push(async () => lessor.close());
    const pruneThread = new PruneThread(live);
    closers.push(() => pruneThread.close());
    retireListeners.push(() => pruneThread.close());
    const pruner = new Pruner(pruneThread, lessor, {
      stateVersions: BigInt(config.stateVersions),
      ledgerVersions: BigInt(config.ledgerVersions),
      journalVersions: BigInt(config.journalVersions),
    });
    const swapListeners: ((isSwapping: boolean) => void)[] = [];
    const swapLive = async (next: number): Promise<void> => {
      for (const listener of swapListeners) listener(true);
      const nextEnv = await dataDir.openGeneration(next);
      await committer.moveTo(nextEnv.path);
      live.swap(next, nextEnv);
      for (const listener of swapListeners) listener(false);
    };
    return {
      ...{ clock, logger, metrics, dataDir, live, committer, disk, lessor, pruner },
      swapLive,
      onSwap: (listener) => swapListeners.push(listener),
      onRetire: (listener) => retireListeners.push(listener),
      onClose: (listener) => closers.push(listener),
      fail,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
