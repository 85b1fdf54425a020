import { Archive, type NewSnapshotHead, type SnapshotSummary } from "@holdfast/archive";
import { HoldfastError } from "@holdfast/core";
import { chunkId, rootOf, type StreamTile, TileRootFold, TileStream } from "@holdfast/merkle";
import { archiveContents, requireKnownFormats } from "./archive-contents.js";
import { ChainReader } from "./chain-reader.js";
import type { JobDependencies } from "./job.js";
import { chooseChain, type StateWish } from "./restore-choice.js";

/** What a compaction did. */
export interface CompactReport {
  /** The full snapshot of the state. */
  readonly snapshot: SnapshotSummary;
  /** The state had a full snapshot already; nothing was written. */
  readonly alreadyThere: boolean;
  /** Snapshots that were folded together. */
  readonly chainLength: number;
}

/**
 * Folds a chain into a full snapshot, without the store: chunk for chunk what the store would give.
 * Nothing is removed from the archive.
 * @throws PROOF_INVALID when the chain does not give its newest root; ArchiveError, DamageError.
 */
export async function compactSnapshot(
  location: string,
  wish: StateWish,
  job: JobDependencies,
): Promise<CompactReport> {
  const archive = await Archive.open(location);
  const contents = await archiveContents(archive, job.signal);
  requireKnownFormats(contents);
  const chain = chooseChain(contents, wish, job.onNotice);
  const top = chain.at(-1) ?? chain[0];
  const chainLength = chain.length;
  if (chainLength === 1) return { snapshot: top.summary, alreadyThere: true, chainLength };
  await using reader = await ChainReader.open(archive, chain);
  const { base: _, createdTime: __, ...same } = reader.top.head;
  const head: NewSnapshotHead = { ...same, kind: "full", proved: true };
  await using writer = await archive.beginBackup(head, { resume: true });
  const root = new TileRootFold();
  const done = { items: 0, bytes: 0 };
  const held = writer.lastPath;
  const take = async (tile: StreamTile): Promise<void> => {
    const { path, node, items, bytes, body } = tile;
    root.add(path, node);
    done.items += items;
    done.bytes += bytes;
    // What an interrupted run has made durable is folded again, and not written again.
    if (held !== null && path <= held) return;
    const chunk = chunkId(body);
    await writer.add({ kind: "full", path, node, items, bytes, chunk }, body, {
      digestChecked: true,
    });
  };
  const tiles = new TileStream();
  for await (const batch of reader.items()) {
    job.signal.throwIfAborted();
    for (const { keyHash, item } of batch) {
      for (const tile of tiles.push(keyHash, item)) await take(tile);
    }
    job.onProgress?.({ phase: "compact", ...done, itemsTotal: Number(head.items) });
  }
  for (const tile of tiles.finish()) await take(tile);
  if (!rootOf(root.finish()).equals(head.stateRoot)) {
    await writer.discard();
    throw new HoldfastError(
      "PROOF_INVALID",
      `The chain up to ${top.name} does not give its state root. Run \`holdfast verify\`.`,
      { metadata: { snapshot: top.name } },
    );
  }
  return { snapshot: await writer.publish(), alreadyThere: false, chainLength };
}
