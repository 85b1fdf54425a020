import { isatty } from "node:tty";
import { ChildAbort, HoldfastError, systemClock } from "@holdfast/core";
import { type Command, CommanderError } from "commander";
import { booleanVariable } from "./boolean-variable.js";
import type { CommandBody, CommandContext } from "./command-context.js";
import { createProgress } from "./create-progress.js";
import { EXIT, exitCodeOf } from "./exit-code.js";
import { failureOf } from "./failure.js";
import type { GlobalOptions } from "./global-options.js";
import { Output, type Streams } from "./output.js";
import { createProgram } from "./program.js";

/**
 * Runs the command line and answers its exit code. It never throws: a failure is printed.
 * @param signal aborts with `Interrupted` when the process is told to end.
 */
export async function run(
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<number> {
  let exitCode: number = EXIT.done;
  const execute = async (command: Command, body: CommandBody): Promise<void> => {
    exitCode = await runBody(command.optsWithGlobals<GlobalOptions>(), body, streams, signal);
  };
  const program = createProgram(execute);
  forAll(program, (command) => {
    command.exitOverride();
    command.showHelpAfterError(`Try \`${fullName(command)} --help\`.`);
    command.configureOutput({
      writeOut: (text) => streams.stdout(text),
      writeErr: (text) => streams.stderr(text),
    });
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    // A command line that is wrong was not read to its end.
    if (args.includes("--json") || booleanVariable("HOLDFAST_JSON") === true) {
      usageFailure(error, streams);
    }
    return EXIT.usage;
  }
}

async function runBody(
  options: GlobalOptions,
  body: CommandBody,
  streams: Streams,
  signal: AbortSignal,
): Promise<number> {
  const output = new Output(streams, options.json);
  const progress = await createProgress(options.progress, isatty(2), streams);
  using abort = new ChildAbort(signal);
  const limit =
    options.maxDuration === undefined
      ? null
      : systemClock.setTimer(options.maxDuration, () => abort.abort(durationOver()));
  const context: CommandContext = {
    options,
    output,
    streams,
    progress,
    clock: systemClock,
    signal: abort.signal,
  };
  try {
    const exitCode = await body(context);
    progress.stop();
    return exitCode ?? EXIT.done;
  } catch (error) {
    progress.stop();
    // Whatever an abort made fail, the abort is the reason.
    const reason = abort.signal.aborted ? abort.signal.reason : error;
    output.failure(failureOf(reason));
    return exitCodeOf(reason);
  } finally {
    limit?.cancel();
  }
}

function durationOver(): HoldfastError {
  return new HoldfastError(
    "DEADLINE_EXCEEDED",
    "The command took longer than --max-duration. Run it again to go on, or allow more.",
  );
}

function usageFailure(error: CommanderError, streams: Streams): void {
  // Of a command that only has commands below it, commander prints the help and says no more.
  const isHelp = error.code === "commander.help";
  const message = isHelp ? "A command is missing." : error.message.replace(/^error: /, "");
  const failure = { reason: "USAGE", code: "INVALID_ARGUMENT", message, metadata: {} };
  new Output(streams, true).failure({ ...failure, retryAfterSeconds: null });
}

/** A command as it is called: `holdfast backup state`. */
function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function forAll(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forAll(child, visit);
}
