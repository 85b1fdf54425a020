import type { Command } from "commander";
import type { Execute } from "../command-context.js";
import { addArchiveOption, parseVersion } from "../command-options.js";
import type { BackupStateOptions } from "../service-commands/backup-state.js";

/** `holdfast backup state`: takes a snapshot into an archive. */
export function addBackup(program: Command, execute: Execute): void {
  const backup = program.command("backup").description("take backups into an archive");
  const command = addArchiveOption(backup.command("state"))
    .description("take a snapshot of the state: a delta where that is cheaper, else a full one")
    .option("--version <version>", "a checkpoint (default: the newest)", parseVersion)
    .option("--full", "take a full snapshot also where a delta would do", false)
    .option("--no-prove", "leave the proof of a full snapshot to `holdfast verify`");
  command.action(() =>
    execute(command, async (context) => {
      const { runBackupState } = await import("../service-commands.js");
      return runBackupState(context, command.opts<BackupStateOptions>());
    }),
  );
}
