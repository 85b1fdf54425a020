import { Command } from "commander";
import type { Execute } from "./command-context.js";
import { addArchiveCommands } from "./commands/archive.js";
import { addBackup } from "./commands/backup.js";
import { addGet } from "./commands/get.js";
import { addImport } from "./commands/import.js";
import { addRestore } from "./commands/restore.js";
import { addStatus } from "./commands/status.js";
import { addVerify } from "./commands/verify.js";
import { addGlobalOptions, checkGlobalOptions } from "./global-options.js";

/** The command line of holdfast: one file in commands/ for each command. */
export function createProgram(execute: Execute): Command {
  const program = new Command("holdfast")
    .description("Back up, verify and restore a Holdfast store.")
    .configureHelp({ showGlobalOptions: true });
  addGlobalOptions(program);
  program.hook("preAction", (_, called) => checkGlobalOptions(called));
  addImport(program, execute);
  addGet(program, execute);
  addStatus(program, execute);
  addBackup(program, execute);
  addRestore(program, execute);
  addVerify(program, execute);
  addArchiveCommands(program, execute);
  return program;
}
