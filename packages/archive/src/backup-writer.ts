import { strict as assert } from "node:assert";
import { sha256 } from "@holdfast/merkle";
import { ArchiveError } from "./archive-error.js";
import type { ArchiveFiles } from "./archive-files.js";
import {
  BODY_BYTES_MAX,
  DELETER_WAIT_SECONDS_MAX,
  PACK_RECORDS_MAX,
  PENDING_LINES_BYTES_MAX,
} from "./archive-limits.js";
import { ManifestPart } from "./manifest-part.js";
import { CODEC_NONE, RECORD_HEADER_BYTES, RECORD_KINDS, type RecordHeader } from "./pack-format.js";
import { PackWriter } from "./pack-writer.js";
import { PendingLines } from "./pending-lines.js";
import { placePack } from "./place-pack.js";
import type { SnapshotHead, SnapshotSummary } from "./snapshot-head.js";
import type { NewTile, TileLine, UnchangedTile } from "./tile-line.js";
import { TileSums } from "./tile-sums.js";
import type { WorkFolder } from "./work-folder.js";
import { PART } from "./work-names.js";

/** How a tile is added. */
export interface AddOptions {
  /**
   * The caller has computed SHA-256 of this very body and found it equal to the tile's chunk id,
   * so that it need not be done again.
   * @default false
   */
  readonly digestChecked?: boolean;
}

/** A tile with its body; null for an unchanged tile. */
export interface AddedTile {
  readonly tile: NewTile;
  readonly body: Uint8Array | null;
}

/** What is written at the moment: a pack, if it has a record, and the lines that go with it. */
interface OpenSegment {
  readonly number: number;
  readonly lines: PendingLines;
  pack: PackWriter | null;
}

/**
 * Writes one snapshot. A pack is closed in the background while the next one is written; what is
 * closed survives any death of the process. Not for concurrent calls.
 */
export class BackupWriter implements AsyncDisposable {
  readonly backupId: string;
  /** As it will be published; of a resumed backup with the time at which it began. */
  readonly head: SnapshotHead;
  /** Whether tiles of an interrupted run count. */
  readonly resumed: boolean;
  readonly #files: ArchiveFiles;
  readonly #work: WorkFolder;
  readonly #packBytes: number;
  #lastPath: string | null;
  readonly #order = new TileSums();
  #open: OpenSegment;
  /** Begun with the first segment of this process. */
  #manifest: ManifestPart | null = null;
  /** The segment that is being closed; never rejects. */
  #closing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;
  #state: "open" | "published" | "ended" = "open";

  /** For Archive.beginBackup. `lastPath` is that of the last tile in `work`'s segments. */
  constructor(
    files: ArchiveFiles,
    work: WorkFolder,
    options: { readonly lastPath: string | null; readonly packBytes: number },
  ) {
    const { lastPath } = options;
    this.#packBytes = options.packBytes;
    this.#files = files;
    this.#work = work;
    this.backupId = work.id;
    this.head = work.head;
    this.resumed = work.segments.length > 0;
    this.#lastPath = lastPath;
    this.#order.lastPath = lastPath;
    this.#open = newSegment(work.segments.length + 1);
  }

  /** Path of the last tile that is durable: where a stream resumes; null: none is. */
  get lastPath(): string | null {
    return this.#lastPath;
  }

  /** The tiles that an interrupted run left durable, in order. Only before the first `add`. */
  async *resumedTiles(): AsyncGenerator<TileLine> {
    yield* this.#work.tiles();
  }

  /** Adds the next tile; see `addAll`. */
  async add(tile: NewTile, body: Uint8Array | null, options?: AddOptions): Promise<void> {
    await this.addAll([{ tile, body }], options);
  }

  /**
   * Adds the next tiles in ascending order of path; the body is null for an unchanged tile. Bodies
   * may be reused once the promise is settled. One that fits into the buffer of its pack is not
   * waited for: a delta has thousands of small ones.
   * @throws ArchiveError CHUNK_MISMATCH when a body is not its tile's chunk, ARCHIVE_DISK_FULL,
   * ARCHIVE_IO. After an error of the disk the writer can only be closed or discarded.
   */
  async addAll(tiles: Iterable<AddedTile>, options: AddOptions = {}): Promise<void> {
    this.#requireOpen();
    const isChecked = options.digestChecked === true;
    for (const { tile, body } of tiles) {
      this.#requireNext(tile, body, isChecked);
      if (!this.#hasRoom(body)) await this.#makeRoom(body);
      const added = this.#add(tile, body);
      if (added !== null) await added;
    }
  }

  /**
   * Makes the snapshot exist, durably. Nothing can be added afterwards.
   * @throws ArchiveError BACKUP_INCOMPLETE when the tiles do not add up to the head's items and
   * bytes.
   */
  async publish(): Promise<SnapshotSummary> {
    this.#requireOpen();
    await this.#closeSegment();
    await this.#closing;
    this.#throwFailure();
    this.#manifest ??= await ManifestPart.begin(this.#files, this.#work);
    const summary = await this.#manifest.publish();
    this.#state = "published";
    await this.#work.remove();
    this.#state = "ended";
    return summary;
  }

  /** Ends the work and keeps what is durable for a resume. After publish or discard: nothing. */
  async close(): Promise<void> {
    if (this.#state === "ended") return;
    this.#state = "ended";
    await this.#abandonOpen();
    await this.#work.release();
  }

  /** Ends the work and removes it. */
  async discard(): Promise<void> {
    if (this.#state === "ended") return;
    this.#state = "ended";
    await this.#abandonOpen();
    await this.#work.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Refuses a tile that does not come next, or whose body is not its own; nothing is changed then. */
  #requireNext(tile: NewTile, body: Uint8Array | null, isChecked: boolean): void {
    // A message is made for a tile that fails only: there are tens of thousands.
    if (!this.#order.follows(tile.path)) assert.fail(`tile ${tile.path} does not come next`);
    if (body === null || tile.kind === "unchanged") {
      if (body === null && tile.kind === "unchanged") return;
      assert.fail("an unchanged tile alone has no body");
    }
    if (body.length > BODY_BYTES_MAX) assert.fail(`a body of ${body.length} bytes`);
    if (!isChecked) requireDigest(tile.path, tile.chunk, body);
  }

  /** Adds a tile there is room for; null when it was done at once, as for nearly all. */
  #add(tile: NewTile, body: Uint8Array | null): Promise<void> | null {
    this.#order.lastPath = tile.path;
    const { lines, pack } = this.#open;
    if (body === null || pack === null || tile.kind === "unchanged") {
      lines.add(tile, 0, 0);
      return null;
    }
    // Also where the pack then fails: nothing is added after that.
    lines.add(tile, pack.bytes, body.length);
    return pack.add(headerOf(tile, body), body);
  }

  /** Whether the open segment takes one tile more, which has this body. */
  #hasRoom(body: Uint8Array | null): boolean {
    const { lines, pack } = this.#open;
    if (lines.bytes > PENDING_LINES_BYTES_MAX) return false;
    if (body === null) return true;
    if (pack === null || pack.records >= PACK_RECORDS_MAX) return false;
    return pack.bytes + RECORD_HEADER_BYTES + body.length <= this.#packBytes;
  }

  /** Closes the segment if it is full, and begins a pack if one is needed. */
  async #makeRoom(body: Uint8Array | null): Promise<void> {
    if (this.#open.lines.bytes > PENDING_LINES_BYTES_MAX || this.#open.pack !== null) {
      await this.#closeSegment();
    }
    if (body === null) return;
    const segment = this.#open;
    segment.pack = await PackWriter.create(this.#files, this.#packPart(segment.number));
  }

  /** Begins the next segment and closes this one in the background, one at a time. */
  async #closeSegment(): Promise<void> {
    await this.#closing;
    this.#throwFailure();
    const segment = this.#open;
    if (segment.lines.sums.tiles === 0) return;
    this.#open = newSegment(segment.number + 1);
    this.#closing = this.#makeDurable(segment).catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  async #makeDurable(segment: OpenSegment): Promise<void> {
    const { lines, pack } = segment;
    const id = pack === null ? null : await closePack(pack);
    this.#manifest ??= await ManifestPart.begin(this.#files, this.#work);
    const placed = lines.placed(id);
    // Listed in the work folder before it gets its name: a gc that sees it knows whose it is.
    await this.#work.addSegment(id, placed);
    if (id !== null) {
      const part = this.#packPart(segment.number);
      await placePack(this.#files, part, id, DELETER_WAIT_SECONDS_MAX);
    }
    await this.#manifest.add(placed);
    this.#lastPath = lines.sums.lastPath;
  }

  async #abandonOpen(): Promise<void> {
    await this.#closing;
    await this.#open.pack?.abandon();
    await this.#manifest?.abandon();
  }

  #packPart(number: number): string {
    return this.#work.file(`pack-${number}${PART}`);
  }

  #requireOpen(): void {
    assert.equal(this.#state, "open", "the backup has ended");
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}

function headerOf(
  { kind, chunk }: Exclude<NewTile, UnchangedTile>,
  body: Uint8Array,
): RecordHeader {
  return { length: body.length, kind: RECORD_KINDS[kind], codec: CODEC_NONE, sha256: chunk };
}

function newSegment(number: number): OpenSegment {
  return { number, lines: new PendingLines(), pack: null };
}

async function closePack(pack: PackWriter): Promise<string> {
  try {
    return await pack.finish();
  } catch (error) {
    await pack.abandon();
    throw error;
  }
}

function requireDigest(path: string, chunk: Buffer, body: Uint8Array): void {
  const found = sha256(body);
  if (found.equals(chunk)) return;
  throw new ArchiveError(
    "CHUNK_MISMATCH",
    `The body of tile ${path} is not the chunk it was announced as; take the backup again.`,
    { path, chunk: chunk.toString("hex"), found: found.toString("hex") },
  );
}
