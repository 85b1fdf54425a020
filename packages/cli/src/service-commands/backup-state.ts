import { type BackupReport, backupState } from "@holdfast/coordinator";
import { giveWay } from "@holdfast/core";
import type { CommandContext } from "../command-context.js";
import { humanBytes } from "../human-bytes.js";
import { counted } from "../plural.js";
import { snapshotResult } from "../snapshot-result.js";
import { withGateways } from "./with-gateways.js";

/** Options of `holdfast backup state`. */
export interface BackupStateOptions {
  readonly archive: string;
  readonly version?: bigint;
  readonly full: boolean;
  readonly prove: boolean;
}

/** What `holdfast backup state` does. */
export async function runBackupState(
  context: CommandContext,
  options: BackupStateOptions,
): Promise<undefined> {
  // The services may be on the same machine: commits come before backups (docs/adr/0014).
  giveWay();
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
