import type { Command } from "commander";
import type { Execute } from "../command-context.js";
import { addStateOptions } from "../command-options.js";
import type { RestoreCommandOptions } from "../service-commands/restore.js";

/** `holdfast restore`: brings a state of an archive into a store. */
export function addRestore(program: Command, execute: Execute): void {
  const command = addStateOptions(program.command("restore"))
    .description("restore a state of an archive: built beside the live one, published as one step")
    .option("--replace", "go on although versions of the live store will be lost", false);
  command.action(() =>
    execute(command, async (context) => {
      const { runRestore } = await import("../service-commands.js");
      return runRestore(context, command.opts<RestoreCommandOptions>());
    }),
  );
}
