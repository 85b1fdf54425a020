import type { ServiceJobDependencies } from "@holdfast/coordinator";
import type { CommandContext } from "../command-context.js";
import { jobOf } from "../job.js";
import { connectGateways } from "./connection.js";

/** Runs a job with the gateways of --gateway, and closes their connections behind it. */
export async function withGateways<T>(
  context: CommandContext,
  body: (job: ServiceJobDependencies) => Promise<T>,
): Promise<T> {
  const gateways = connectGateways(context);
  try {
    return await body({ ...jobOf(context), gateways, retryForMs: context.options.retryFor });
  } finally {
    gateways.close();
  }
}
