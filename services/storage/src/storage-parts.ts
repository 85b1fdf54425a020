import type { Clock, Logger } from "@holdfast/core";
import type { Metrics } from "@holdfast/process";
import type { DataDir } from "./engine/data-dir.js";
import type { FreeDiskGuard } from "./engine/disk-guard.js";
import type { LiveGeneration } from "./engine/live-generation.js";
import type { Lessor } from "./lease/lessor.js";
import type { Committer } from "./ledger/committer.js";
import type { Pruner } from "./ledger/pruner.js";

/** The parts of a storage process that its services work with. */
export interface StorageParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly dataDir: DataDir;
  /** The generation that is read; `use()` it for as long as a call lasts. */
  readonly live: LiveGeneration;
  /** The way of all blocks; `pause()` it while the live generation is exchanged. */
  readonly committer: Committer;
  readonly disk: FreeDiskGuard;
  /** LeaseGate and PinSource. */
  readonly lessor: Lessor;
  readonly pruner: Pruner;
  /**
   * Makes another generation live: opens it, points commits and reads at it, and retires the old
   * one when its last use ends. To be called while commits are paused, after `live = N` is
   * durable.
   */
  readonly swapLive: (number: number) => Promise<void>;
  /** Called with true before the live generation is exchanged, and with false after. */
  readonly onSwap: (listener: (isSwapping: boolean) => void) => void;
  /** Called with the folder of a retired generation before its files go: close it everywhere. */
  readonly onRetire: (listener: (path: string) => Promise<void>) => void;
  /** Called when the process stops, the last registered first. */
  readonly onClose: (listener: () => Promise<void>) => void;
  /** The engine failed: the process ends. */
  readonly fail: (error: unknown) => void;
}
