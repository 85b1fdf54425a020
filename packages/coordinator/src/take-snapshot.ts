import type { BackupWriter, NewTile } from "@holdfast/archive";
import { HoldfastError } from "@holdfast/core";
import { rootOf, TileRootFold } from "@holdfast/merkle";
import type { FoldPool } from "./fold-pool.js";
import type { ServiceJobDependencies } from "./job.js";
import type { Patience } from "./patience.js";
import { type CheckedTile, type StreamTarget, streamDelta, streamFull } from "./proved-tiles.js";

/** What taking a snapshot works with. */
export interface TakeDependencies extends ServiceJobDependencies {
  readonly patience: Patience;
  readonly leaseId: string;
}

/**
 * Streams what the writer's head promises into it and checks that it is that: all nodes fold to the
 * root (of a delta to both roots), items and bytes are as counted. Does not publish.
 * @throws PROOF_INVALID when they do not; like the streams; ArchiveError.
 */
export async function takeSnapshot(
  writer: BackupWriter,
  pool: FoldPool | null,
  dependencies: TakeDependencies,
): Promise<void> {
  const { head } = writer;
  const sum = new SnapshotSum();
  for await (const line of writer.resumedTiles()) sum.add(line);
  const target: StreamTarget = {
    ledgerId: head.ledgerId,
    historyId: head.histories[0]?.historyId ?? Buffer.alloc(0),
    version: head.version,
    stateRoot: head.stateRoot,
    leaseId: dependencies.leaseId,
    resumeAfter: writer.lastPath ?? "",
  };
  const report = (): void =>
    dependencies.onProgress?.({
      phase: `backup ${head.kind}`,
      items: sum.items,
      bytes: sum.bytes,
      itemsTotal: Number(head.items),
    });
  report();
  for await (const tiles of streamOf(writer, target, pool, dependencies)) {
    for (const { tile } of tiles) sum.add(tile);
    await writer.addAll(tiles, { digestChecked: true });
    report();
  }
  sum.check(writer);
}

function streamOf(
  { head }: BackupWriter,
  target: StreamTarget,
  pool: FoldPool | null,
  dependencies: TakeDependencies,
): AsyncGenerator<readonly CheckedTile[], void, undefined> {
  if (head.base === undefined) return streamFull(target, pool, dependencies);
  if (pool === null) throw new TypeError("a delta is always proved");
  return streamDelta(target, head.base, pool, dependencies);
}

/** Folds and sums the tiles of a snapshot. */
class SnapshotSum {
  readonly #to: TileRootFold = new TileRootFold();
  readonly #from: TileRootFold = new TileRootFold();
  /** Items and bytes, as floats from the start: the sum passes 2^31 while `add` is hot. */
  readonly #counts: Float64Array = new Float64Array(2);

  get items(): number {
    return this.#counts[0] ?? 0;
  }

  get bytes(): number {
    return this.#counts[1] ?? 0;
  }

  add(tile: NewTile): void {
    this.#counts[0] = this.items + tile.items;
    this.#counts[1] = this.bytes + tile.bytes;
    switch (tile.kind) {
      case "full":
        this.#to.add(tile.path, tile.node);
        break;
      case "changed":
        this.#from.add(tile.path, tile.from);
        this.#to.add(tile.path, tile.to);
        break;
      case "unchanged":
        this.#from.add(tile.path, tile.node);
        this.#to.add(tile.path, tile.node);
        break;
    }
  }

  check({ head }: BackupWriter): void {
    if (!rootOf(this.#to.finish()).equals(head.stateRoot)) throw notTheState("another state root");
    if (head.base !== undefined && !rootOf(this.#from.finish()).equals(head.base.stateRoot)) {
      throw notTheState("another root of its base");
    }
    if (BigInt(this.items) !== head.items || BigInt(this.bytes) !== head.bytes) {
      throw notTheState("other numbers of items or bytes");
    }
  }
}

function notTheState(what: string): HoldfastError {
  return new HoldfastError(
    "PROOF_INVALID",
    `The tiles streamed have ${what}. Nothing was published; run \`holdfast-storage fsck\`.`,
  );
}
