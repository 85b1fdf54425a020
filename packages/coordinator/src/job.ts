import type { Clock, HoldfastError } from "@holdfast/core";
import type { Gateways } from "./gateways.js";
import { Patience } from "./patience.js";

/** How far a job is. */
export interface JobProgress {
  /** What is being done: "backup", "restore", ... */
  readonly phase: string;
  readonly items: number;
  /** Bytes of items. */
  readonly bytes: number;
  /** Null when nobody knows. */
  readonly itemsTotal: number | null;
}

/** What any job works with. */
export interface JobDependencies {
  readonly clock: Clock;
  /** Ends the job: what it began is left whole, and its work is kept for a rerun. */
  readonly signal: AbortSignal;
  /** Told what a person may want to know while the job goes on. */
  readonly onNotice?: (text: string) => void;
  readonly onProgress?: (progress: JobProgress) => void;
}

/** What a job with services works with. */
export interface ServiceJobDependencies extends JobDependencies {
  readonly gateways: Gateways;
  /** How long to go on without progress, milliseconds. */
  readonly retryForMs: number;
}

/** The patience of a job, which tells of its waits. */
export function patienceOf(job: ServiceJobDependencies): Patience {
  return new Patience({
    clock: job.clock,
    retryForMs: job.retryForMs,
    signal: job.signal,
    onRetry: (error: HoldfastError, delayMs) =>
      job.onNotice?.(`${error.message} Trying again in ${(delayMs / 1000).toFixed(1)} s.`),
  });
}
