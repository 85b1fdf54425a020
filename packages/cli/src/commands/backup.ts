import { type BackupReport, backupState } from "@holdfast/coordinator";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption, parseVersion } from "../command-options.js";
import { withGateways } from "../job.js";
import { counted } from "../plural.js";
import { humanBytes } from "../progress.js";
import { snapshotResult } from "../snapshot-result.js";

interface BackupStateOptions {
  readonly archive: string;
  readonly version?: bigint;
  readonly full: boolean;
  readonly prove: boolean;
}

/** `holdfast backup state`: takes a snapshot into an archive. */
export function addBackup(program: Command, execute: Execute): void {
  const backup = program.command("backup").description("take backups into an archive");
  const command = addArchiveOption(backup.command("state"))
    .description("take a snapshot of the state: a delta where that is cheaper, else a full one")
    .option("--version <version>", "a checkpoint (default: the newest)", parseVersion)
    .option("--full", "take a full snapshot also where a delta would do", false)
    .option("--no-prove", "leave the proof of a full snapshot to `holdfast verify`");
  command.action(() =>
    execute(command, (context) => backupTheState(context, command.opts<BackupStateOptions>())),
  );
}

async function backupTheState(
  context: CommandContext,
  options: BackupStateOptions,
): Promise<undefined> {
  const start = context.clock.monotonicMs();
  const report = await withGateways(context, (job) =>
    backupState(
      {
        archive: options.archive,
        version: options.version,
        full: options.full,
        prove: options.prove,
      },
      job,
    ),
  );
  const seconds = (context.clock.monotonicMs() - start) / 1000;
  context.progress.stop();
  context.output.result(
    {
      ...snapshotResult(report.snapshot),
      already_there: report.alreadyThere,
      resumed: report.resumed,
      full_because: report.fullBecause,
      took_seconds: seconds,
    },
    linesOf(report, seconds),
  );
  return undefined;
}

function linesOf(
  { snapshot, alreadyThere, resumed, fullBecause }: BackupReport,
  seconds: number,
): string[] {
  const { name, head, foot } = snapshot;
  const root = `state root ${head.stateRoot.toString("hex")}`;
  if (alreadyThere) return [`The archive has version ${head.version} already: ${name}.`, root];
  const kind = head.kind === "full" ? `Full snapshot (${fullBecause})` : "Delta";
  const proved = head.proved ? "proved" : "not proved: run `holdfast verify`";
  return [
    `${kind} of version ${head.version}: ${name}.`,
    `${counted(head.items, "item")}, ${counted(foot.tiles, "tile")}, ${humanBytes(Number(foot.storedBytes))} stored, ` +
      `${proved}, ${seconds.toFixed(1)} s${resumed ? ", an interrupted backup went on" : ""}.`,
    root,
  ];
}
