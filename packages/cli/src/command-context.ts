import type { Clock } from "@holdfast/core";
import type { Command } from "commander";
import type { GlobalOptions } from "./global-options.js";
import type { Output, Streams } from "./output.js";
import type { Progress } from "./progress.js";

/** What a command is given. */
export interface CommandContext {
  readonly options: GlobalOptions;
  readonly output: Output;
  readonly streams: Streams;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Aborts on SIGINT, SIGTERM and after --max-duration. */
  readonly signal: AbortSignal;
}

/** The body of a command; answers its exit code, or nothing when it is done. */
export type CommandBody = (context: CommandContext) => Promise<number | undefined>;

/** Runs the body of a command that was given on the command line. */
export type Execute = (command: Command, body: CommandBody) => Promise<void>;
