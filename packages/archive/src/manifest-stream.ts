import { type Damage, DamageError } from "./archive-error.js";
import type { ArchiveFiles, ReadableFile } from "./archive-files.js";
import { formatNewer } from "./archive-json.js";
import { BODY_BYTES_MAX } from "./archive-limits.js";
import { DIGEST_TAIL_BYTES, decodeDigestTail } from "./digest-tail.js";
import { DigestedLines } from "./digested-lines.js";
import { decodeFoot } from "./foot-text.js";
import { decodeHead } from "./head-text.js";
import { manifestFile, parseSnapshotName } from "./manifest-name.js";
import type { SnapshotFoot, SnapshotHead } from "./snapshot-head.js";
import type { TileLine } from "./tile-line.js";
import { TileSums } from "./tile-sums.js";
import { decodeTileLine } from "./tile-text.js";

/** Told what is damaged; may throw, or return to go on. */
export type OnDamage = (damage: Damage) => void;

/** Throws the first damage. */
export const throwDamage: OnDamage = (damage) => {
  throw new DamageError(damage);
};

/** Streams one manifest, head, tiles and foot, and checks all of it; nothing is held whole. */
export class ManifestStream implements AsyncDisposable {
  readonly name: string;
  readonly bytes: number;
  /** Null when the first line is damaged. */
  readonly head: SnapshotHead | null;
  readonly #file: ReadableFile;
  readonly #lines: DigestedLines;
  readonly #onDamage: OnDamage;
  #foot: SnapshotFoot | null = null;
  /** Format that the head claims; believed if the digest is right. */
  #newerFormat: number | null = null;

  private constructor(
    name: string,
    file: ReadableFile,
    source: { readonly lines: DigestedLines; readonly first: string },
    onDamage: OnDamage,
  ) {
    this.name = name;
    this.bytes = file.bytes;
    this.#file = file;
    this.#lines = source.lines;
    this.#onDamage = onDamage;
    this.head = this.#readHead(source.first);
  }

  /**
   * Opens a manifest and reads its head; null when there is none of this name.
   * @throws what `onDamage` throws; ArchiveError ARCHIVE_FORMAT_NEWER.
   */
  static async open(
    files: ArchiveFiles,
    name: string,
    onDamage: OnDamage = throwDamage,
  ): Promise<ManifestStream | null> {
    const file = await files.openRead(manifestFile(name));
    if (file === null) return null;
    try {
      const lines = new DigestedLines(file);
      return new ManifestStream(name, file, { lines, first: await lines.first() }, onDamage);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The foot; null until all tiles were taken, or when it is damaged. */
  get foot(): SnapshotFoot | null {
    return this.#foot;
  }

  /** Reads to the end without looking at the tiles: the digest alone is compared. */
  async skipTiles(): Promise<void> {
    await this.#lines.skip();
    this.#readFoot();
  }

  /** The tiles in order; what is behind them is checked before this ends. */
  async *tiles(): AsyncGenerator<TileLine> {
    if (this.#newerFormat !== null) return await this.skipTiles();
    const sums = new TileSums();
    let line = 1;
    for await (const batch of this.#lines.batches()) {
      for (const text of batch) {
        line++;
        const tile = this.#readTile(text, line, sums);
        if (tile !== null) yield tile;
      }
    }
    const foot = this.#readFoot();
    if (foot !== null) this.#compareSums(foot, sums);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  #readHead(text: string): SnapshotHead | null {
    const head = decodeHead(text);
    if ("why" in head) {
      this.#newerFormat = head.format ?? null;
      if (head.format === undefined) this.#damaged(`${head.why}.`, 1);
      return null;
    }
    const name = parseSnapshotName(this.name);
    if (name?.version !== head.version || name.kind !== head.kind) {
      this.#damaged("the head is not what the file's name says.", 1);
    }
    return head;
  }

  #readTile(text: string, line: number, sums: TileSums): TileLine | null {
    const tile = decodeTileLine(text);
    const kind = this.head?.kind ?? null;
    let why: string | null = null;
    if (tile === null) why = "the line is not what a writer writes.";
    else if (kind !== null && (tile.kind === "full") !== (kind === "full")) {
      why = "the line does not belong into a snapshot of this kind.";
    } else if (tile.kind === "full" && tile.node.kind === "empty") {
      why = "a full snapshot lists no empty tile.";
    } else if (!sums.follows(tile.path)) {
      why = "the tile does not come behind the one before it.";
    } else if (tile.kind !== "unchanged" && tile.length > BODY_BYTES_MAX) {
      why = "the body is longer than any writer writes.";
    }
    if (tile !== null && why === null) {
      sums.add(tile);
      return tile;
    }
    this.#damaged(why ?? "", line);
    return null;
  }

  #readFoot(): SnapshotFoot | null {
    const { last, sha256 } = this.#lines;
    const digest = decodeDigestTail(last.slice(-DIGEST_TAIL_BYTES));
    const foot = decodeFoot(last.slice(0, -1));
    if (digest === null) {
      this.#damaged("its end is not what a writer writes; the file may have been cut off.");
    } else if (sha256 === null || !sha256.equals(digest)) {
      this.#damaged("its bytes do not have the digest in its foot.");
    } else if (parseSnapshotName(this.name)?.digest !== sha256.toString("hex", 0, 8)) {
      this.#damaged("its digest is not the one in its name.");
    } else if (this.#newerFormat !== null) {
      throw formatNewer(manifestFile(this.name), this.#newerFormat);
    } else if (foot === null) {
      this.#damaged("its foot is not what a writer writes.");
    } else {
      this.#foot = foot;
    }
    return this.#foot;
  }

  #compareSums(foot: SnapshotFoot, sums: TileSums): void {
    const { head } = this;
    const whole =
      foot.tiles === sums.tiles &&
      foot.chunks === sums.chunks &&
      foot.storedBytes === sums.storedBytes &&
      (head === null || (head.items === sums.items && head.bytes === sums.bytes));
    if (!whole) this.#damaged("its tiles do not add up to what its head and foot say.");
  }

  #damaged(message: string, line?: number): void {
    this.#onDamage({
      part: "manifest",
      file: manifestFile(this.name),
      snapshot: this.name,
      message,
      ...(line === undefined ? {} : { line }),
    });
  }
}
