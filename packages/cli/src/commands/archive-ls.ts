import { Archive, DamageError } from "@holdfast/archive";
import {
  type ArchivedSnapshot,
  archiveContents,
  type HistoryLine,
  isNewer,
  knownHistories,
} from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { exitCodeOf } from "../exit-code.js";
import { failureOf } from "../failure.js";
import { findingLine, findingResult } from "../finding-result.js";
import { humanBytes } from "../human-bytes.js";
import { newerResult } from "../newer-result.js";
import { counted } from "../plural.js";
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
  const { snapshots, leftOut } = await archiveContents(archive, signal);
  const newer = leftOut.filter(({ error }) => isNewer(error));
  const damages = leftOut.flatMap(({ error }) =>
    error instanceof DamageError ? [error.damage] : [],
  );
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
    newer: newer.map(newerResult),
    damage: damages.map(findingResult),
  };
  const lines = [
    `ledger ${archive.ledgerId.toString("hex")}`,
    ...histories.flatMap((line) => linesOf(line, snapshots)),
  ];
  // Damage is worse than what a newer Holdfast can read.
  const first = leftOut.find(({ error }) => error instanceof DamageError) ?? newer[0];
  if (first === undefined) {
    output.result(result, lines);
    return undefined;
  }
  for (const line of lines) output.item(line);
  for (const { error } of leftOut) {
    output.item(error instanceof DamageError ? findingLine(error.damage) : error.message);
  }
  const message =
    damages.length > 0
      ? `The archive is damaged in ${counted(damages.length, "place")}; what is listed is whole ` +
        "as far as `ls` looks, and `holdfast verify` names all damage."
      : `Not listed: ${counted(newer.length, "snapshot")} of a newer format. Use a newer Holdfast.`;
  output.failure({ ...failureOf(first.error), message }, result);
  return exitCodeOf(first.error);
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
    `  ${name}  ${kind}${on}, version ${version}, ${counted(head.items, "item")}, ` +
    `${humanBytes(Number(foot.storedBytes))}, ${head.createdTime}${head.proved ? "" : ", not proved"}`
  );
}
