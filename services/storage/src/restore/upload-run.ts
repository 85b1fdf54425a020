import { setMaxListeners } from "node:events";
import type { DiskGuard } from "../ledger/committer.js";
import type { GenerationBuilder, WrittenTiles } from "./generation-builder.js";
import { partsUntil } from "./parts-until.js";
import type { TileProvers } from "./ports.js";
import type { RestoreSession } from "./restore-session.js";
import type { ProvedBatch, TileBatch } from "./tile-prover.js";
import { type TilePart, UPLOAD_BATCHES_MAX, UploadAssembly } from "./upload.js";
import type { WriteGroups } from "./write-groups.js";

/** Where the tiles of an upload go. */
export interface UploadTarget {
  readonly session: RestoreSession;
  readonly builder: GenerationBuilder;
  readonly provers: TileProvers;
  /** Of all uploads of the restore. */
  readonly groups: WriteGroups;
  readonly disk: DiskGuard;
}

/**
 * Proves and writes the tiles of one upload, batch by batch while they come. When it settles,
 * nothing of the upload runs any more; what was durable stays.
 * @throws what is wrong with the upload; DISK_LOW; the signal's reason.
 */
export async function runUpload(
  { session, builder, provers, groups, disk }: UploadTarget,
  parts: AsyncIterable<TilePart>,
  signal: AbortSignal,
): Promise<WrittenTiles> {
  const failure = new AbortController();
  // Each batch that waits for a thread listens.
  setMaxListeners(UPLOAD_BATCHES_MAX, failure.signal);
  const onAbort = (): void => failure.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const batches: Promise<WrittenTiles>[] = [];
  const prove = async (batch: TileBatch): Promise<ProvedBatch> => {
    const proved = await provers.prove(session.plan.info.version, batch, failure.signal);
    await disk.check();
    return proved;
  };
  const take = (batch: TileBatch | null): void => {
    if (batch === null) return;
    const written = groups.join(prove(batch)).then((proved) => {
      failure.signal.throwIfAborted();
      return builder.write(session.ownerToken, proved);
    });
    written.catch((error) => failure.abort(error));
    batches.push(written);
  };
  try {
    const assembly = new UploadAssembly();
    for await (const part of partsUntil(failure.signal, parts)) take(assembly.add(part));
    failure.signal.throwIfAborted();
    take(assembly.finish());
    return sumOf(await Promise.all(batches));
  } catch (error) {
    failure.abort(error);
    throw failure.signal.reason;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await Promise.allSettled(batches);
  }
}

function sumOf(results: readonly WrittenTiles[]): WrittenTiles {
  return {
    written: results.reduce((sum, { written }) => sum + written, 0),
    done: results.reduce((most, { done }) => Math.max(most, done), 0),
  };
}
