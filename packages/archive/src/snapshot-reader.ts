import { DamageError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import { OPEN_PACKS_MAX, READ_AHEAD_BYTES_MAX, READ_AHEAD_TILES_MAX } from "./archive-limits.js";
import { chunkDamage } from "./chunk-damage.js";
import { manifestFile } from "./manifest-name.js";
import { ManifestStream } from "./manifest-stream.js";
import { OpenPacks } from "./open-packs.js";
import { readRecord } from "./read-record.js";
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
    const body = await this.#packs.use(line.pack, (file) => readRecord(file, line));
    if (body !== null && typeof body !== "string") return body;
    throw new DamageError(chunkDamage(this.name, line, body ?? "its pack is missing."));
  }

  /** The tiles with their bodies in order, a few bodies read ahead. */
  async *chunks(): AsyncGenerator<TileWithBody> {
    const ahead: { line: TileLine; body: Promise<Buffer | null>; bytes: number }[] = [];
    let bytes = 0;
    try {
      for await (const line of this.tiles()) {
        const body = line.kind === "unchanged" ? Promise.resolve(null) : this.body(line);
        body.catch(() => undefined);
        const length = line.kind === "unchanged" ? 0 : line.length;
        ahead.push({ line, body, bytes: length });
        bytes += length;
        while (ahead.length > READ_AHEAD_TILES_MAX || bytes > READ_AHEAD_BYTES_MAX) {
          const next = ahead.shift();
          if (next === undefined) break;
          bytes -= next.bytes;
          yield { line: next.line, body: await next.body };
        }
      }
      for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
        yield { line: next.line, body: await next.body };
      }
    } finally {
      await Promise.allSettled(ahead.map(({ body }) => body));
    }
  }

  /** Closes the packs that were read. */
  async close(): Promise<void> {
    await this.#packs.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #vanished(): DamageError {
    const file = manifestFile(this.name);
    return new DamageError({ part: "manifest", file, snapshot: this.name, message: "it is gone." });
  }
}
