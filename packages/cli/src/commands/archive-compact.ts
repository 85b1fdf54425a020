import { compactSnapshot } from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addStateOptions, type StateOptions } from "../command-options.js";
import { jobOf } from "../job.js";
import { counted } from "../plural.js";
import { snapshotResult } from "../snapshot-result.js";

/** `holdfast archive compact`: folds a chain into a full snapshot. */
export function addArchiveCompact(archive: Command, execute: Execute): void {
  const command = addStateOptions(archive.command("compact")).description(
    "fold the newest chain into a full snapshot, without the store; removes nothing",
  );
  command.action(() =>
    execute(command, (context) => compact(context, command.opts<StateOptions>())),
  );
}

async function compact(
  context: CommandContext,
  { archive, toVersion, history }: StateOptions,
): Promise<undefined> {
  const start = context.clock.monotonicMs();
  const report = await compactSnapshot(archive, { toVersion, history }, jobOf(context));
  const seconds = (context.clock.monotonicMs() - start) / 1000;
  context.progress.stop();
  const { snapshot, alreadyThere, chainLength } = report;
  context.output.result(
    {
      ...snapshotResult(snapshot),
      already_there: alreadyThere,
      chain_length: chainLength,
      took_seconds: seconds,
    },
    [
      alreadyThere
        ? `Version ${snapshot.head.version} has a full snapshot already: ${snapshot.name}.`
        : `Folded ${counted(chainLength, "snapshot")} into ${snapshot.name}, ${seconds.toFixed(1)} s.`,
      `state root ${snapshot.head.stateRoot.toString("hex")}`,
    ],
  );
  return undefined;
}
