import { DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { OPEN_PACKS_MAX, READ_AHEAD_BYTES_MAX, READ_AHEAD_RUNS_MAX } from "./archive-limits.js";
import { chunkDamage } from "./chunk-damage.js";
import { manifestFile } from "./manifest-name.js";
import { ManifestStream } from "./manifest-stream.js";
import { OpenPacks } from "./open-packs.js";
import { type ReadRecord, readRecord, readRecords } from "./read-record.js";
import { type ReadRun, readRuns } from "./read-run.js";
import type { SnapshotFoot, SnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import type { ChunkLine, TileLine } from "./tile-line.js";

/** A tile with its body; null for an unchanged tile. */
export interface TileWithBody {
  readonly line: TileLine;
  readonly body: Buffer | null;
}

/** Reads one published snapshot. Whatever is damaged in what is read is thrown as DamageError. */
export class SnapshotReader implements AsyncDisposable {
  readonly name: string;
  readonly head: SnapshotHead;
  /** The manifest's digest was compared when it was opened. */
  readonly foot: SnapshotFoot;
  readonly #files: ArchiveFiles;
  readonly #packs: OpenPacks;

  /** For Archive.openSnapshot. */
  constructor(files: ArchiveFiles, summary: SnapshotSummary) {
    this.name = summary.name;
    this.head = summary.head;
    this.foot = summary.foot;
    this.#files = files;
    this.#packs = new OpenPacks(files, OPEN_PACKS_MAX);
  }

  /** The tiles in order, streamed. The digest is compared once more at the end. */
  async *tiles(): AsyncGenerator<TileLine> {
    await using manifest = await ManifestStream.open(this.#files, this.name);
    if (manifest === null) throw this.#vanished();
    yield* manifest.tiles();
  }

  /**
   * The body of a tile of this snapshot, a private buffer: record header, length and SHA-256 are
   * checked. May be called for several tiles at once.
   */
  async body(line: ChunkLine): Promise<Buffer> {
    return this.#bodyOf(line, await this.#packs.use(line.pack, (file) => readRecord(file, line)));
  }

  /** The tiles with their bodies in order, a few reads ahead. Bodies may share their memory. */
  async *chunks(): AsyncGenerator<TileWithBody> {
    const ahead: { run: ReadRun; records: Promise<readonly ReadRecord[] | null> }[] = [];
    let bytes = 0;
    try {
      for await (const run of readRuns(this.tiles())) {
        const records = this.#records(run);
        records.catch(() => undefined);
        ahead.push({ run, records });
        bytes += run.bytes;
        while (ahead.length > READ_AHEAD_RUNS_MAX || bytes > READ_AHEAD_BYTES_MAX) {
          const next = ahead.shift();
          if (next === undefined) break;
          bytes -= next.run.bytes;
          yield* this.#tilesOf(next.run, await next.records);
        }
      }
      for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
        yield* this.#tilesOf(next.run, await next.records);
      }
    } finally {
      await Promise.allSettled(ahead.map(({ records }) => records));
    }
  }

  /** Closes the packs that were read. */
  async close(): Promise<void> {
    await this.#packs.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The records of a run's chunks; null when their pack is missing. */
  async #records({ chunks }: ReadRun): Promise<readonly ReadRecord[] | null> {
    const [first] = chunks;
    if (first === undefined) return [];
    return await this.#packs.use(first.pack, (file) => readRecords(file, chunks));
  }

  *#tilesOf({ lines }: ReadRun, records: readonly ReadRecord[] | null): Generator<TileWithBody> {
    let chunk = 0;
    for (const line of lines) {
      if (line.kind === "unchanged") yield { line, body: null };
      else yield { line, body: this.#bodyOf(line, records?.[chunk++] ?? null) };
    }
  }

  /** @throws DamageError. */
  #bodyOf(line: ChunkLine, record: ReadRecord | null): Buffer {
    if (record !== null && typeof record !== "string") return record;
    throw new DamageError(chunkDamage(this.name, line, record ?? "its pack is missing."));
  }

  #vanished(): DamageError {
    const file = manifestFile(this.name);
    return new DamageError({ part: "manifest", file, snapshot: this.name, message: "it is gone." });
  }
}
