import { restoreState } from "@holdfast/coordinator";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addStateOptions, type StateOptions } from "../command-options.js";
import { withGateways } from "../job.js";
import { counted } from "../plural.js";
import { snapshotResult } from "../snapshot-result.js";
import { statusOf } from "./status.js";

interface RestoreCommandOptions extends StateOptions {
  readonly replace: boolean;
}

/** `holdfast restore`: brings a state of an archive into a store. */
export function addRestore(program: Command, execute: Execute): void {
  const command = addStateOptions(program.command("restore"))
    .description("restore a state of an archive: built beside the live one, published as one step")
    .option("--replace", "go on although versions of the live store will be lost", false);
  command.action(() =>
    execute(command, (context) => restore(context, command.opts<RestoreCommandOptions>())),
  );
}

async function restore(
  context: CommandContext,
  { archive, toVersion, history, replace }: RestoreCommandOptions,
): Promise<undefined> {
  const { clock, output, progress } = context;
  const start = clock.monotonicMs();
  const report = await withGateways(context, (job) =>
    restoreState({ archive, toVersion, history, replace }, job, ({ name, version }) =>
      output.notice(`Restoring version ${version} from ${name}.`),
    ),
  );
  const seconds = (clock.monotonicMs() - start) / 1000;
  progress.stop();
  const { snapshot, chainLength, state, adopted, tilesUploaded, tiles } = report;
  const deltas = chainLength - 1;
  output.result(
    {
      version: snapshot.version,
      snapshot: snapshotResult(snapshot.summary),
      chain_length: chainLength,
      adopted,
      tiles,
      tiles_uploaded: tilesUploaded,
      took_seconds: seconds,
      ...statusOf(state),
    },
    [
      `Restored version ${snapshot.version} from ${snapshot.name}` +
        `${deltas === 0 ? "" : ` and the ${deltas === 1 ? "snapshot" : `${deltas} snapshots`} below it`}.`,
      `${counted(state.items, "item")}, ${tilesUploaded} of ${counted(tiles, "tile")} uploaded, ${seconds.toFixed(1)} s` +
        `${adopted ? ", an interrupted restore went on" : ""}.`,
      `state root ${state.stateRoot.toString("hex")}`,
      `log root   ${state.logRoot.toString("hex")}`,
    ],
  );
  return undefined;
}
