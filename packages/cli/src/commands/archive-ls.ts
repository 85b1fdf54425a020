import { Archive, DamageError } from "@holdfast/archive";
import {
  type ArchivedSnapshot,
  archiveContents,
  type HistoryLine,
  knownHistories,
} from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { EXIT } from "../exit-code.js";
import { findingLine, findingResult } from "../finding-result.js";
import { humanBytes } from "../human-bytes.js";
import { snapshotResult } from "../snapshot-result.js";

/** `holdfast archive ls`: the snapshots of an archive and their histories. */
export function addArchiveLs(archive: Command, execute: Execute): void {
  const command = addArchiveOption(archive.command("ls")).description(
    "list the snapshots of an archive and their histories",
  );
  command.action(() =>
    execute(command, (context) => list(context, command.opts<{ archive: string }>().archive)),
  );
}

async function list(
  { output, signal }: CommandContext,
  location: string,
): Promise<number | undefined> {
  const archive = await Archive.open(location);
  const { snapshots, damages } = await archiveContents(archive, signal);
  const histories = knownHistories(snapshots);
  const result = {
    ledger_id: archive.ledgerId,
    created_time: archive.createdTime,
    histories: histories.map(([own, parent]) => ({
      history_id: own?.historyId ?? null,
      parent_history_id: parent?.historyId ?? null,
      fork_version: own?.forkVersion ?? null,
    })),
    snapshots: snapshots.map(({ summary }) => snapshotResult(summary)),
    damage: damages.map(findingResult),
  };
  const lines = [
    `ledger ${archive.ledgerId.toString("hex")}`,
    ...histories.flatMap((line) => linesOf(line, snapshots)),
  ];
  const [first] = damages;
  if (first === undefined) {
    output.result(result, lines);
    return undefined;
  }
  for (const line of [...lines, ...damages.map(findingLine)]) output.item(line);
  const message =
    `${findingLine(first)} The others are whole as far as \`ls\` looks; ` +
    "`holdfast verify` names all damage.";
  const { metadata } = new DamageError(first);
  output.failure(
    { reason: "DAMAGED", code: "DATA_LOSS", message, metadata, retryAfterSeconds: null },
    result,
  );
  return EXIT.damaged;
}

function linesOf(
  [own, parent]: readonly HistoryLine[],
  snapshots: readonly ArchivedSnapshot[],
): string[] {
  if (own === undefined) return [];
  const fork =
    parent === undefined ? "" : `, forked from ${parent.historyId} at version ${own.forkVersion}`;
  return [
    `history ${own.historyId}${fork}`,
    ...snapshots.filter(({ historyId }) => historyId === own.historyId).map(lineOf),
  ];
}

function lineOf({ name, kind, version, summary }: ArchivedSnapshot): string {
  const { head, foot } = summary;
  const on = head.base === undefined ? "" : ` on ${head.base.version}`;
  return (
    `  ${name}  ${kind}${on}, version ${version}, ${head.items} items, ` +
    `${humanBytes(Number(foot.storedBytes))}, ${head.createdTime}${head.proved ? "" : ", not proved"}`
  );
}
