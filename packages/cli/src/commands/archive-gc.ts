import { Archive, type Leftover } from "@holdfast/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { humanBytes } from "../human-bytes.js";
import type { Plain } from "../plain.js";
import { counted } from "../plural.js";

interface GcOptions {
  readonly archive: string;
  readonly dryRun: boolean;
}

/** `holdfast archive gc`: removes what no manifest needs. */
export function addArchiveGc(archive: Command, execute: Execute): void {
  const command = addArchiveOption(archive.command("gc"))
    .description("remove what no manifest needs; backups under way are left alone")
    .option("--dry-run", "only say what would go", false);
  command.action(() => execute(command, (context) => gc(context, command.opts<GcOptions>())));
}

async function gc({ output, signal }: CommandContext, options: GcOptions): Promise<undefined> {
  const { dryRun } = options;
  const opened = await Archive.open(options.archive);
  const { collected, collectedBytes, running } = await opened.gc({ dryRun, signal });
  const verb = dryRun ? "would remove" : "removed";
  output.result(
    {
      dry_run: dryRun,
      collected: collected.map(leftoverResult),
      collected_bytes: collectedBytes,
      running,
    },
    [
      ...collected.map(
        ({ kind, file, bytes }) => `${verb} ${file} (${kind}, ${humanBytes(bytes)})`,
      ),
      ...running.map((backup) => `left alone ${backup}: a backup under way`),
      `${verb} ${counted(collected.length, "leftover")}, ${humanBytes(collectedBytes)}`,
    ],
  );
  return undefined;
}

/** A leftover as commands print it. */
export function leftoverResult({ kind, file, bytes }: Leftover): { readonly [key: string]: Plain } {
  return { kind, file, bytes };
}
