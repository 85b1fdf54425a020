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

/** A job that waits for one thing tells so again after this, milliseconds. */
const NOTICE_AGAIN_MS = 30_000;

/** The patience of a job, which tells of its waits: of each new reason, and now and then. */
export function patienceOf(
  job: Pick<ServiceJobDependencies, "clock" | "retryForMs" | "signal" | "onNotice">,
): Patience {
  const { clock, retryForMs, signal, onNotice } = job;
  let told: { readonly reason: string; readonly atMs: number } | null = null;
  return new Patience({
    clock,
    retryForMs,
    signal,
    onRetry: ({ reason, message }: HoldfastError) => {
      const nowMs = clock.monotonicMs();
      if (told?.reason === reason && nowMs - told.atMs < NOTICE_AGAIN_MS) return;
      told = { reason, atMs: nowMs };
      onNotice?.(`${message} Trying again for up to ${Math.ceil(retryForMs / 1000)} s.`);
    },
  });
}
