import type { Command } from "commander";
import type { Execute } from "../command-context.js";
import { addArchiveCompact } from "./archive-compact.js";
import { addArchiveDiff } from "./archive-diff.js";
import { addArchiveGc } from "./archive-gc.js";
import { addArchiveLs } from "./archive-ls.js";
import { addArchiveShow } from "./archive-show.js";

/** `holdfast archive …`: commands that need an archive and no service. */
export function addArchiveCommands(program: Command, execute: Execute): void {
  const archive = program.command("archive").description("look at and tidy an archive");
  addArchiveLs(archive, execute);
  addArchiveShow(archive, execute);
  addArchiveDiff(archive, execute);
  addArchiveCompact(archive, execute);
  addArchiveGc(archive, execute);
}
