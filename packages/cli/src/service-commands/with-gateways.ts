import type { JobProgress, ServiceJobDependencies } from "@holdfast/coordinator";
import { calmCollector } from "@holdfast/rpc/client";
import type { CommandContext } from "../command-context.js";
import { jobOf } from "../job.js";
import { connectGateways } from "./connection.js";

/**
 * Half of what a gateway has: a backup of 10 M items then takes 38 MiB more than one of 1 M, not 76,
 * and is as fast.
 */
const HEAP_GROWING_PERCENT = 200;

/** Runs a job with the gateways of --gateway, and closes their connections behind it. */
export async function withGateways<T>(
  context: CommandContext,
  body: (job: ServiceJobDependencies) => Promise<T>,
): Promise<T> {
  const gateways = connectGateways(context);
  const job = jobOf(context);
  let reports = 0;
  const onProgress = (progress: JobProgress): void => {
    reports += 1;
    // A first report may come before the first tile. At the second all is loaded, which the flag
    // would slow down.
    if (reports === 2) calmCollector(HEAP_GROWING_PERCENT);
    job.onProgress?.(progress);
  };
  const retryForMs = context.options.retryFor;
  try {
    return await body({ ...job, onProgress, gateways, retryForMs });
  } finally {
    gateways.close();
  }
}
