import type { storage } from "@holdfast/api";
import type { CommandContext } from "../command-context.js";
import { exitCodeOf } from "../exit-code.js";
import { failureOf } from "../failure.js";
import type { BlockShape } from "../import/import-blocks.js";
import { emptyReport, type ImportReport, importLedger } from "../import/import-ledger.js";
import { readInput } from "../import/input-file.js";
import type { Plain } from "../plain.js";
import { counted, ranged } from "../plural.js";
import { connectStorage } from "./connection.js";

/** Options of `holdfast import`. */
export interface ImportOptions {
  readonly blockSize: number;
  readonly linesPerTransaction: number;
}

/** What `holdfast import` does. */
export async function runImport(
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
  const measured = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of readInput(file, signal)) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  try {
    await importLedger(
      measured(),
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
