import type { ArchiveFiles, ReadableFile } from "./archive-files.js";
import { packFile } from "./pack-format.js";

interface OpenPack {
  readonly file: Promise<ReadableFile | null>;
  /** Reads under way; while there is one it stays open. */
  users: number;
}

/** The packs read last, kept open: a few, the one used longest ago is closed first. */
export class OpenPacks {
  readonly #files: ArchiveFiles;
  readonly #most: number;
  /** In order of last use. */
  readonly #open = new Map<string, OpenPack>();

  constructor(files: ArchiveFiles, most: number) {
    this.#files = files;
    this.#most = most;
  }

  /** Runs `work` on a pack; null when there is no such pack. */
  async use<T>(pack: string, work: (file: ReadableFile) => Promise<T>): Promise<T | null> {
    const open = this.#open.get(pack) ?? { file: this.#files.openRead(packFile(pack)), users: 0 };
    this.#open.delete(pack);
    this.#open.set(pack, open);
    open.users++;
    try {
      const file = await open.file;
      return file === null ? null : await work(file);
    } finally {
      open.users--;
      await this.#closeIdle(this.#most);
    }
  }

  /** Closes all that nobody reads. */
  async close(): Promise<void> {
    await this.#closeIdle(0);
  }

  async #closeIdle(most: number): Promise<void> {
    for (const [pack, open] of [...this.#open]) {
      if (this.#open.size <= most) return;
      if (open.users > 0 || !this.#open.delete(pack)) continue;
      const file = await open.file.catch(() => null);
      await file?.close();
    }
  }
}
