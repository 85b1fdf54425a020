import { Archive, type TileLine } from "@holdfast/archive";
import {
  archiveContents,
  chainOf,
  chooseWhole,
  findSnapshot,
  tellLeftOut,
} from "@holdfast/coordinator/archive";
import type { Command } from "commander";
import type { CommandContext, Execute } from "../command-context.js";
import { addArchiveOption } from "../command-options.js";
import { humanBytes } from "../human-bytes.js";
import { nodeResult } from "../node-result.js";
import { type Plain, toJson } from "../plain.js";
import { counted } from "../plural.js";
import { snapshotResult } from "../snapshot-result.js";

interface ShowOptions {
  readonly archive: string;
  readonly tiles: boolean;
}

/** `holdfast archive show`: one snapshot, and on request its tiles. */
export function addArchiveShow(archive: Command, execute: Execute): void {
  const command = addArchiveOption(archive.command("show"))
    .description("show one snapshot")
    .argument(
      "[snapshot]",
      "its name, a beginning of it, or a version (default: the one that `restore` takes)",
    )
    .option("--tiles", "first one line of JSON for each tile", false);
  command.action((name: string | undefined) =>
    execute(command, (context) => show(context, name, command.opts<ShowOptions>())),
  );
}

async function show(
  { output, signal }: CommandContext,
  name: string | undefined,
  options: ShowOptions,
): Promise<undefined> {
  const archive = await Archive.open(options.archive);
  const contents = await archiveContents(archive, signal);
  const notice = (text: string): void => output.notice(text);
  const snapshot =
    name === undefined ? chooseWhole(contents, {}, notice) : findSnapshot(contents, name);
  if (name !== undefined) for (const each of contents.leftOut) notice(tellLeftOut(each));
  if (options.tiles) {
    await using reader = await archive.openSnapshot(snapshot.name);
    for await (const tile of reader.tiles()) {
      signal.throwIfAborted();
      output.line(JSON.stringify(toJson(tileResult(tile))));
    }
  }
  const { head, foot } = snapshot.summary;
  const chain = chainOf(contents.snapshots, snapshot);
  const histories = head.histories.map(({ historyId, forkVersion }) => ({
    history_id: historyId,
    fork_version: forkVersion ?? null,
  }));
  output.result(
    {
      ...snapshotResult(snapshot.summary),
      ledger_id: head.ledgerId,
      histories,
      commit_time: new Date(Number(head.rootProof.info.commitTimeUs / 1000n)),
      manifest_sha256: foot.sha256,
      chain: chain?.map((part) => part.name) ?? null,
    },
    [
      `${snapshot.name}: ${head.kind} snapshot of version ${head.version}`,
      `ledger      ${head.ledgerId.toString("hex")}`,
      `history     ${snapshot.historyId}`,
      `state root  ${head.stateRoot.toString("hex")}`,
      `log root    ${head.logRoot.toString("hex")}`,
      `items       ${head.items} (${humanBytes(Number(head.bytes))})`,
      `stored      ${counted(foot.tiles, "tile")}, ${counted(foot.chunks, "chunk")}, ${humanBytes(Number(foot.storedBytes))}`,
      `proved      ${head.proved ? "when it was taken" : "no: run `holdfast verify`"}`,
      `taken       ${head.createdTime}`,
      `chain       ${chain === null ? "not complete" : chain.map((part) => part.name).join(" <- ")}`,
    ],
  );
  return undefined;
}

function tileResult(tile: TileLine): { readonly [key: string]: Plain } {
  const { kind, path, items, bytes } = tile;
  if (tile.kind === "unchanged") return { kind, path, node: nodeResult(tile.node), items, bytes };
  const nodes =
    tile.kind === "full"
      ? { node: nodeResult(tile.node) }
      : { from: nodeResult(tile.from), to: nodeResult(tile.to), changes: tile.changes };
  const { chunk, pack, offset, length } = tile;
  return { kind, path, ...nodes, items, bytes, chunk, pack, offset, length };
}
