import { ArchiveError, DamageError } from "./archive-error.js";
import type { ArchiveFiles, FileLock } from "./archive-files.js";
import { DigestedLines } from "./digested-lines.js";
import { writeDigested } from "./digested-writer.js";
import { makeDurableFolder } from "./durable-folder.js";
import { encodeFootStart } from "./foot-text.js";
import { decodeHead, encodeHead } from "./head-text.js";
import { unreadable } from "./pack-check.js";
import type { SegmentLines } from "./pending-lines.js";
import { readSegment, readSegmentLines } from "./segment-lines.js";
import type { SnapshotHead } from "./snapshot-head.js";
import type { TileLine } from "./tile-line.js";
import { TileSums } from "./tile-sums.js";
import {
  PART,
  parseSegmentFile,
  type SegmentName,
  segmentFile,
  WORK,
  WORK_HEAD,
  WORK_LOCK,
} from "./work-names.js";

/** A segment whose lines are durable. */
interface Segment extends SegmentName {
  readonly sums: TileSums;
}

/** The folder of a backup under way, while this process holds its lock. */
export class WorkFolder {
  readonly id: string;
  readonly head: SnapshotHead;
  readonly #files: ArchiveFiles;
  readonly #lock: FileLock;
  #segments: Segment[] = [];

  private constructor(files: ArchiveFiles, id: string, head: SnapshotHead, lock: FileLock) {
    this.#files = files;
    this.id = id;
    this.head = head;
    this.#lock = lock;
  }

  /** Makes a work folder; null when a gc took the new folder: try another id. */
  static async create(
    files: ArchiveFiles,
    id: string,
    head: SnapshotHead,
  ): Promise<WorkFolder | null> {
    const folder = `${WORK}/${id}`;
    await makeDurableFolder(files, folder);
    try {
      const file = await files.create(`${folder}/${WORK_LOCK}`);
      await file.close();
    } catch (error) {
      const gone = (await files.list(folder)) === null;
      if (gone || (await files.fileBytes(`${folder}/${WORK_LOCK}`)) !== null) return null;
      throw error;
    }
    const lock = await files.lock(`${folder}/${WORK_LOCK}`, { waitSeconds: 1 });
    if (lock === null) return null;
    try {
      const work = new WorkFolder(files, id, head, lock);
      await work.#writeDurably(WORK_HEAD, async (writer) => {
        await writer.write(`${encodeHead(head)}\n`);
        return '{"sha256":"';
      });
      return work;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Takes over the folder of an interrupted backup; null when it is in use, gone or no use. */
  static async takeOver(
    files: ArchiveFiles,
    id: string,
    waitSeconds: number,
  ): Promise<WorkFolder | null> {
    const lock = await files.lock(`${WORK}/${id}/${WORK_LOCK}`, { waitSeconds });
    if (lock === null) return null;
    const head = await readWorkHead(files, id);
    if (head !== null) return new WorkFolder(files, id, head, lock);
    await lock.release();
    return null;
  }

  /** Segments whose lines are durable, in order. */
  get segments(): readonly SegmentName[] {
    return this.#segments;
  }

  /** What all tiles of the segments add up to. */
  get sums(): TileSums {
    const all = new TileSums();
    for (const { sums } of this.#segments) all.join(sums);
    return all;
  }

  /** Name of a file in this folder, below the archive's. */
  file(name: string): string {
    return `${WORK}/${this.id}/${name}`;
  }

  /**
   * Keeps the segments up to the first that is not whole, deletes all else and answers the path of
   * the last tile kept. `isThere` says whether a pack is.
   */
  async restoreSegments(isThere: (pack: string) => Promise<boolean>): Promise<string | null> {
    const entries = (await this.#files.list(`${WORK}/${this.id}`)) ?? [];
    const found = new Map<number, SegmentName>();
    for (const { name } of entries) {
      const segment = parseSegmentFile(name);
      if (segment !== null) found.set(segment.number, segment);
    }
    let lastPath: string | null = null;
    for (let number = 1; ; number++) {
      const segment = found.get(number);
      if (segment === undefined) break;
      const sums = await this.#sumsOf(segment, lastPath);
      if (sums === null) break;
      if (segment.pack !== null && !(await isThere(segment.pack))) break;
      lastPath = sums.lastPath;
      this.#segments.push({ ...segment, sums });
    }
    const kept = new Set([WORK_LOCK, WORK_HEAD, ...this.#segments.map(segmentFile)]);
    for (const { name } of entries) {
      if (!kept.has(name)) await this.#files.remove(this.file(name));
    }
    await this.#files.syncFolder(`${WORK}/${this.id}`);
    return lastPath;
  }

  /** Makes the lines of a closed pack durable; from then on gc leaves the pack alone. */
  async addSegment(pack: string | null, { blocks, sums }: SegmentLines): Promise<void> {
    const segment = { number: this.#segments.length + 1, pack };
    await this.#writeDurably(segmentFile(segment), async (writer) => {
      for (const block of blocks) await writer.write(block);
      return encodeFootStart(sums);
    });
    this.#segments.push({ ...segment, sums });
  }

  /**
   * The tile lines of all segments, with their line feeds, some at a time.
   * @throws DamageError when a segment is not what was written.
   */
  async *lines(): AsyncGenerator<Buffer> {
    for (const segment of this.#segments) {
      yield* readSegmentLines(this.#files, this.file(segmentFile(segment)));
    }
  }

  /**
   * The tiles of all segments in order.
   * @throws DamageError when a segment is not what was written.
   */
  async *tiles(): AsyncGenerator<TileLine> {
    for (const segment of this.#segments) {
      for await (const tiles of this.#read(segment)) yield* tiles;
    }
  }

  /** Deletes the folder; its lock goes last, and stays held until it has gone. */
  async remove(): Promise<void> {
    const folder = `${WORK}/${this.id}`;
    for (const { name } of (await this.#files.list(folder)) ?? []) {
      if (name !== WORK_LOCK) await this.#files.remove(`${folder}/${name}`);
    }
    await this.#files.remove(`${folder}/${WORK_LOCK}`);
    await this.#files.removeFolder(folder);
    await this.release();
  }

  /** Lets the folder go and leaves it as it is. */
  async release(): Promise<void> {
    await this.#lock.release();
  }

  async #writeDurably(name: string, write: Parameters<typeof writeDigested>[2]): Promise<void> {
    const part = this.file(name + PART);
    await writeDigested(this.#files, part, write);
    await this.#files.rename(part, this.file(name));
    await this.#files.syncFolder(`${WORK}/${this.id}`);
  }

  #read(segment: SegmentName): AsyncGenerator<TileLine[]> {
    return readSegment(this.#files, this.file(segmentFile(segment)), segment.pack);
  }

  /** What the tiles of a segment add up to; null when it is not whole or not next. */
  async #sumsOf(segment: SegmentName, after: string | null): Promise<TileSums | null> {
    const sums = new TileSums();
    sums.lastPath = after;
    try {
      for await (const tiles of this.#read(segment)) {
        for (const tile of tiles) {
          if (!sums.follows(tile.path)) return null;
          sums.add(tile);
        }
      }
    } catch (error) {
      const isUnreadable = error instanceof ArchiveError && error.code === "ARCHIVE_IO";
      if (error instanceof DamageError || isUnreadable) return null;
      throw error;
    }
    return sums;
  }
}

/** The head of a work folder; null when it has none that is whole and can be read. */
export async function readWorkHead(files: ArchiveFiles, id: string): Promise<SnapshotHead | null> {
  const head = await unreadable(() => readHead(files, id));
  return typeof head === "string" ? null : head;
}

async function readHead(files: ArchiveFiles, id: string): Promise<SnapshotHead | null> {
  const file = await files.openRead(`${WORK}/${id}/${WORK_HEAD}`);
  if (file === null) return null;
  try {
    const lines = new DigestedLines(file);
    const texts: string[] = [];
    for await (const batch of lines.batches()) texts.push(...batch);
    const head = decodeHead(texts[0] ?? "");
    const digest = /^\{"sha256":"([0-9a-f]{64})"\}\n$/.exec(lines.last)?.[1];
    const whole = texts.length === 1 && digest === lines.sha256?.toString("hex");
    return whole && !("why" in head) ? head : null;
  } finally {
    await file.close();
  }
}
