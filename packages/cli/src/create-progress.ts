import { type Clock, systemClock } from "@holdfast/core";
import type { ProgressStyle } from "./global-options.js";
import { JsonProgress } from "./json-progress.js";
import type { Streams } from "./output.js";
import type { Progress } from "./progress.js";

/** Progress on stderr: a bar on a terminal, JSON lines, or nothing. */
export async function createProgress(
  style: ProgressStyle,
  isTerminal: boolean,
  streams: Streams,
  clock: Clock = systemClock,
): Promise<Progress> {
  if (style === "json") return new JsonProgress(streams, clock);
  if (style === "bar" || (style === "auto" && isTerminal)) {
    const { BarProgress } = await import("./bar-progress.js");
    return new BarProgress(clock);
  }
  return { phase: () => undefined, update: () => undefined, stop: () => undefined };
}
