import type { Command } from "commander";
import type { Execute } from "../command-context.js";
import { wholeNumber } from "../command-options.js";
import type { ImportOptions } from "../service-commands/import.js";

/** Most lines of a transaction: one line is two encoded bytes at least. */
const LINES_PER_TRANSACTION_MAX = 100_000;

/** `holdfast import FILE|-`: commits NDJSON lines. */
export function addImport(program: Command, execute: Execute): void {
  const command = program
    .command("import")
    .description("commit lines of NDJSON; a rerun commits nothing twice")
    .argument(
      "<file>",
      'each line {"key":"text"|"key_hex":"…","value":"text"|"value_hex":"…"|null}; - is stdin',
    )
    .option("--block-size <lines>", "lines of a block (or 2 MiB)", wholeNumber(1_000_000), 1_000)
    .option(
      "--lines-per-transaction <lines>",
      "lines of a transaction",
      wholeNumber(LINES_PER_TRANSACTION_MAX),
      1,
    );
  command.action((file: string) =>
    execute(command, async (context) => {
      const { runImport } = await import("../service-commands.js");
      return runImport(context, file, command.opts<ImportOptions>());
    }),
  );
}
