import type { storage } from "@holdfast/api";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { wholeNumber } from "../command-options.js";
import { connectStorage } from "../connection.js";
import { exitCodeOf } from "../exit-code.js";
import { failureOf } from "../failure.js";
import type { BlockShape } from "../import/import-blocks.js";
import { emptyReport, type ImportReport, importLedger } from "../import/import-ledger.js";
import { readInput } from "../import/input-file.js";
import type { Plain } from "../plain.js";
import { counted, ranged } from "../plural.js";

interface ImportOptions {
  readonly blockSize: number;
  readonly linesPerTransaction: number;
}

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
    execute(command, (context) => importFile(context, file, command.opts<ImportOptions>())),
  );
}

async function importFile(
  context: CommandContext,
  file: string,
  { blockSize, linesPerTransaction }: ImportOptions,
): Promise<number | undefined> {
  const { output, progress, signal } = context;
  const shape: BlockShape = { linesPerBlock: blockSize, linesPerTransaction };
  const storage = connectStorage(context);
  const report = emptyReport();
  progress.phase("import");
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of readInput(file, signal)) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  try {
    await importLedger(
      counted(),
      shape,
      async ({ transactions, requestId }) => {
        const request: storage.CommitBlockRequest = {
          transactions,
          expectedFirstVersion: undefined,
          requestId,
        };
        const answer = await storage.call(storage.client.commitBlock, request);
        progress.update({ items: report.lines, bytes, itemsTotal: null });
        return answer;
      },
      report,
    );
  } catch (error) {
    const reason = signal.aborted ? signal.reason : error;
    const failure = failureOf(reason);
    const done =
      report.last === null
        ? ""
        : ` Committed: ${ranged("line", 1, report.lines)}, up to version ${report.last.committedVersion}.`;
    progress.stop();
    output.failure({ ...failure, message: `${failure.message}${done}` }, resultOf(report));
    return exitCodeOf(reason);
  } finally {
    storage.close();
  }
  progress.stop();
  output.result(resultOf(report), linesOf(report));
  return undefined;
}

function resultOf(report: ImportReport): { readonly [key: string]: Plain } {
  return {
    lines: report.lines,
    blocks_committed: report.blocksCommitted,
    transactions_committed: report.transactionsCommitted,
    blocks_already_there: report.blocksThere,
    already_there: report.there.map((stretch) => ({
      first_line: stretch.firstLine,
      last_line: stretch.lastLine,
      first_version: stretch.firstVersion,
      last_version: stretch.lastVersion,
    })),
    committed_version: report.last?.committedVersion ?? null,
    state_root: report.last?.stateRoot ?? null,
    log_root: report.last?.logRoot ?? null,
  };
}

function linesOf(report: ImportReport): string[] {
  const there = report.there.map(
    ({ firstLine, lastLine, firstVersion, lastVersion }) =>
      `Already there: ${ranged("line", firstLine, lastLine)}, ` +
      `as ${ranged("version", firstVersion, lastVersion)}.`,
  );
  if (report.last === null) return ["The input is empty; nothing was committed."];
  const { transactionsCommitted, blocksCommitted, last } = report;
  return [
    ...there,
    `Committed ${counted(transactionsCommitted, "transaction")} in ` +
      `${counted(blocksCommitted, "block")}; ` +
      `the store is at version ${last.committedVersion} or later.`,
    `state root ${last.stateRoot.toString("hex")}`,
  ];
}
