import { Archive } from "@holdfast/archive";
import { type ArchivedSnapshot, archivedSnapshot, knownHistories } from "@holdfast/coordinator";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { humanBytes } from "../progress.js";
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

async function list({ output }: CommandContext, location: string): Promise<undefined> {
  const archive = await Archive.open(location);
  const summaries = await archive.snapshots({
    onDamage: ({ file, message }) => output.notice(`${file} is damaged and left out: ${message}`),
  });
  const snapshots = summaries.map(archivedSnapshot);
  const histories = knownHistories(snapshots);
  output.result(
    {
      ledger_id: archive.ledgerId,
      created_time: archive.createdTime,
      histories: histories.map(([own, parent]) => ({
        history_id: own?.historyId ?? null,
        parent_history_id: parent?.historyId ?? null,
        fork_version: own?.forkVersion ?? null,
      })),
      snapshots: summaries.map(snapshotResult),
    },
    [
      `ledger ${archive.ledgerId.toString("hex")}`,
      ...histories.flatMap(([own, parent]) => {
        if (own === undefined) return [];
        const fork =
          parent === undefined
            ? ""
            : `, forked from ${parent.historyId} at version ${own.forkVersion}`;
        return [
          `history ${own.historyId}${fork}`,
          ...snapshots.filter(({ historyId }) => historyId === own.historyId).map(lineOf),
        ];
      }),
    ],
  );
  return undefined;
}

function lineOf({ name, kind, version, summary }: ArchivedSnapshot): string {
  const { head, foot } = summary;
  const on = head.base === undefined ? "" : ` on ${head.base.version}`;
  return (
    `  ${name}  ${kind}${on}, version ${version}, ${head.items} items, ` +
    `${humanBytes(Number(foot.storedBytes))}, ${head.createdTime}${head.proved ? "" : ", not proved"}`
  );
}
