import { Archive } from "@holdfast/archive";
import {
  archiveContents,
  completeChain,
  diffSnapshots,
  findSnapshot,
  tellLeftOut,
} from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import { bytesForPeople } from "../bytes-for-people.js";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";

/** `holdfast archive diff A B`: the keys in which two states differ. */
export function addArchiveDiff(archive: Command, execute: Execute): void {
  const command = addArchiveOption(archive.command("diff"))
    .description("one put or delete line for each key in which B differs from A")
    .argument("<a>", "a snapshot: its name, a beginning of it, or a version")
    .argument("<b>", "another one");
  command.action((first: string, second: string) =>
    execute(command, (context) =>
      diff(context, command.opts<{ archive: string }>().archive, first, second),
    ),
  );
}

async function diff(
  { output, options, signal }: CommandContext,
  location: string,
  first: string,
  second: string,
): Promise<undefined> {
  const archive = await Archive.open(location);
  const contents = await archiveContents(archive, signal);
  const [from, to] = [findSnapshot(contents, first), findSnapshot(contents, second)];
  for (const each of contents.leftOut) output.notice(tellLeftOut(each));
  const chains = [completeChain(contents, from), completeChain(contents, to)] as const;
  let puts = 0;
  let deletes = 0;
  for await (const { key, value } of diffSnapshots(archive, ...chains, signal)) {
    if (value === null) deletes += 1;
    else puts += 1;
    output.line(options.json ? jsonLine(key, value) : textLine(key, value));
  }
  output.result({ from: from.name, to: to.name, puts, deletes }, []);
  return undefined;
}

/** A line that `holdfast import` takes, too. */
function jsonLine(key: Buffer, value: Buffer | null): string {
  return JSON.stringify({
    key_hex: key.toString("hex"),
    value_hex: value === null ? null : value.toString("hex"),
  });
}

function textLine(key: Buffer, value: Buffer | null): string {
  const name = bytesForPeople(key);
  return value === null ? `delete ${name}` : `put ${name} ${bytesForPeople(value)}`;
}
