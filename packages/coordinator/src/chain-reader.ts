import type { Archive, SnapshotReader } from "@holdfast/archive";
import {
  entriesOfDelta,
  entriesOfFull,
  type MergedItem,
  type MergeSource,
  mergeSources,
} from "./merge.js";
import { type CutTile, cutByPlan, type PlannedTile } from "./plan-cut.js";
import type { Chain } from "./restore-choice.js";

/** Reads the state that a chain of snapshots gives, as a stream. */
export class ChainReader implements AsyncDisposable {
  /** The full snapshot first. */
  readonly #readers: readonly SnapshotReader[];

  /** @throws ArchiveError, DamageError. */
  static async open(archive: Archive, chain: Chain): Promise<ChainReader> {
    const readers: SnapshotReader[] = [];
    try {
      for (const { name } of chain) readers.push(await archive.openSnapshot(name));
    } catch (error) {
      await Promise.all(readers.map((reader) => reader.close()));
      throw error;
    }
    return new ChainReader(readers);
  }

  private constructor(readers: readonly SnapshotReader[]) {
    this.#readers = readers;
  }

  /** The snapshot that says what the state is. */
  get top(): SnapshotReader {
    const top = this.#readers.at(-1);
    if (top === undefined) throw new RangeError("a chain has a full snapshot at least");
    return top;
  }

  /** The tiles of the state in ascending order of path, as the newest manifest lists them. */
  async *plan(): AsyncGenerator<PlannedTile, void, undefined> {
    for await (const line of this.top.tiles()) {
      const node = line.kind === "changed" ? line.to : line.node;
      // A tile whose keys are all deleted is no part of the state.
      if (node.kind === "empty") continue;
      yield { path: line.path, node, items: line.items, bytes: line.bytes };
    }
  }

  /** How many tiles the state has. */
  async countTiles(): Promise<number> {
    const { head, foot } = this.top;
    // A full snapshot lists no tile that is empty.
    if (head.kind === "full") return foot.tiles;
    let tiles = 0;
    for await (const _tile of this.plan()) tiles += 1;
    return tiles;
  }

  /** The planned tiles with their chunk bodies; a full snapshot's as they are. */
  tiles(): AsyncGenerator<CutTile, void, undefined> {
    return this.#readers.length === 1 ? this.#stored() : cutByPlan(this.plan(), this.items());
  }

  /** The items of the state in ascending order of key hash, in batches. */
  items(): AsyncGenerator<readonly MergedItem[], void, undefined> {
    return mergeSources(this.#readers.map(entriesOf));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
  }

  async *#stored(): AsyncGenerator<CutTile, void, undefined> {
    for await (const { line, body } of this.top.chunks()) {
      if (line.kind !== "full" || body === null) continue;
      const { path, node, items, bytes } = line;
      yield { tile: { path, node, items, bytes }, body };
    }
  }
}

async function* entriesOf(reader: SnapshotReader): MergeSource {
  for await (const { line, body } of reader.chunks()) {
    if (body === null) continue;
    yield line.kind === "full" ? entriesOfFull(body) : entriesOfDelta(line.path, body);
  }
}
