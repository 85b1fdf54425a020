import type { JobDependencies, ServiceJobDependencies } from "@holdfast/coordinator";
import type { CommandContext } from "./command-context.js";
import { connectGateways } from "./connection.js";

/** What a job of the coordinator is given by a command. */
export function jobOf(context: CommandContext): JobDependencies {
  const { clock, signal, output, progress } = context;
  let phase = "";
  return {
    clock,
    signal,
    onNotice: (text) => output.notice(text),
    onProgress: (state) => {
      if (state.phase !== phase) {
        phase = state.phase;
        progress.phase(phase);
      }
      progress.update(state);
    },
  };
}

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
