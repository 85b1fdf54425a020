import type { JobDependencies } from "@holdfast/coordinator/archive";
import type { CommandContext } from "./command-context.js";

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
