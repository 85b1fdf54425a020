import { createHash } from "node:crypto";
import { ArchiveError, type Damage } from "./archive-error.js";
import type { ReadableFile } from "./archive-files.js";
import { chunkDamage } from "./chunk-damage.js";
import type { OnDamage } from "./manifest-stream.js";
import {
  CODEC_NONE,
  encodeFooterStart,
  encodeIndexEntry,
  FOOTER_BYTES,
  FOOTER_START_BYTES,
  INDEX_ENTRY_BYTES,
  PACK_MAGIC,
  packFile,
  RECORD_HEADER_BYTES,
  RECORD_KINDS,
  type RecordHeader,
} from "./pack-format.js";
import { readIndex, recordsOf } from "./pack-scan.js";
import { readRecord } from "./read-record.js";
import type { ChunkLine } from "./tile-line.js";

/** Holds the lines of one snapshot that name a pack against the pack. */
export interface PackCheck {
  /** The next line. Lines of a manifest that name a pack stand together and name all of it. */
  line(line: ChunkLine): Promise<void>;
  /** No more lines. */
  end(): Promise<void>;
}

/** For a pack that was found sound: its index answers for it. */
export class SoundPackCheck implements PackCheck {
  readonly #snapshot: string;
  readonly #records: ReadonlyMap<number, RecordHeader>;
  readonly #onDamage: OnDamage;

  constructor(snapshot: string, records: ReadonlyMap<number, RecordHeader>, onDamage: OnDamage) {
    this.#snapshot = snapshot;
    this.#records = records;
    this.#onDamage = onDamage;
  }

  /** The check of a pack that was scanned before. */
  static async of(
    snapshot: string,
    file: ReadableFile,
    onDamage: OnDamage,
  ): Promise<SoundPackCheck> {
    const index = await readIndex(file);
    return new SoundPackCheck(snapshot, index === null ? new Map() : recordsOf(index), onDamage);
  }

  async line(line: ChunkLine): Promise<void> {
    const record = this.#records.get(line.offset);
    const same =
      record !== undefined &&
      encodeIndexEntry(0, record).equals(encodeIndexEntry(0, headerOf(line)));
    if (same) return;
    this.#onDamage(chunkDamage(this.#snapshot, line, "its pack holds no such record."));
  }

  async end(): Promise<void> {
    return await Promise.resolve();
  }
}

/**
 * For a pack that is damaged somewhere: the lines say what every byte of it has to be, so that each
 * damaged place is named.
 */
export class DamagedPackCheck implements PackCheck {
  readonly #snapshot: string;
  readonly #pack: string;
  readonly #file: ReadableFile | null;
  readonly #onDamage: OnDamage;
  readonly #index = createHash("sha256");
  #records = 0;
  #end: number = PACK_MAGIC.length;
  #gapless = true;
  #reported = 0;

  constructor(snapshot: string, pack: string, file: ReadableFile | null, onDamage: OnDamage) {
    this.#snapshot = snapshot;
    this.#pack = pack;
    this.#file = file;
    this.#onDamage = onDamage;
  }

  async line(line: ChunkLine): Promise<void> {
    this.#gapless &&= line.offset === this.#end;
    this.#end = line.offset + RECORD_HEADER_BYTES + line.length;
    this.#records++;
    this.#index.update(indexEntry(line));
    if (this.#file === null) return this.#report(chunkDamage(this.#snapshot, line, MISSING));
    const file = this.#file;
    const found = await unreadable(() => readRecord(file, line));
    if (typeof found === "string") this.#report(chunkDamage(this.#snapshot, line, found));
  }

  async end(): Promise<void> {
    const file = this.#file;
    if (file === null) return this.#reportPack(MISSING);
    const why = await unreadable(async () => {
      if (!(await hasBytes(file, 0, PACK_MAGIC))) this.#reportPack("its magic is damaged.");
      if (this.#gapless) await this.#compareEnd(file);
      return null;
    });
    if (why !== null) this.#reportPack(why);
    if (this.#reported === 0) this.#reportPack("its bytes do not have the digest it is named for.");
  }

  async #compareEnd(file: ReadableFile): Promise<void> {
    const indexBytes = this.#records * INDEX_ENTRY_BYTES;
    const bytes = this.#end + indexBytes + FOOTER_BYTES;
    if (file.bytes !== bytes) {
      this.#reportPack(`it has ${file.bytes} bytes instead of ${bytes}.`);
    }
    const index = await file.read(this.#end, indexBytes);
    const digest = createHash("sha256").update(index).digest();
    if (!digest.equals(this.#index.digest())) this.#reportPack("its index is damaged.");
    const footer = this.#end + indexBytes;
    const start = encodeFooterStart(this.#end, this.#records);
    const whole =
      (await hasBytes(file, footer, start)) &&
      (await hasBytes(file, footer + FOOTER_START_BYTES, Buffer.from(this.#pack, "hex")));
    if (!whole) this.#reportPack("its footer is damaged.");
  }

  #reportPack(message: string): void {
    const place = { file: packFile(this.#pack), snapshot: this.#snapshot, pack: this.#pack };
    this.#report({ part: "pack", ...place, message });
  }

  #report(damage: Damage): void {
    this.#reported++;
    this.#onDamage(damage);
  }
}

const MISSING = "the pack is missing.";

function headerOf(line: ChunkLine): RecordHeader {
  const { length, chunk } = line;
  return { length, kind: RECORD_KINDS[line.kind], codec: CODEC_NONE, sha256: chunk };
}

function indexEntry(line: ChunkLine): Buffer {
  return encodeIndexEntry(line.offset, headerOf(line));
}

async function hasBytes(file: ReadableFile, offset: number, bytes: Buffer): Promise<boolean> {
  return (await file.read(offset, bytes.length)).equals(bytes);
}

/** What a disk refuses to read is damaged: its reason in place of the result. */
export async function unreadable<T>(read: () => Promise<T>): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ArchiveError && error.code === "ARCHIVE_IO") return error.message;
    throw error;
  }
}
