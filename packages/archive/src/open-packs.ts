import type { ArchiveFiles, ReadableFile } from "./archive-files.js";
import { packFile } from "./pack-format.js";

/** The packs read last, kept open: a few, the one used longest ago is closed first. */
export class OpenPacks {
  readonly #files: ArchiveFiles;
  readonly #most: number;
  readonly #open = new Map<string, Promise<ReadableFile | null>>();

  constructor(files: ArchiveFiles, most: number) {
    this.#files = files;
    this.#most = most;
  }

  /** Runs `work` on a pack; null when there is no such pack. */
  async use<T>(pack: string, work: (file: ReadableFile) => Promise<T>): Promise<T | null> {
    const file = await this.#file(pack);
    return file === null ? null : await work(file);
  }

  async close(): Promise<void> {
    for (const pack of [...this.#open.keys()]) await this.#close(pack);
  }

  async #file(pack: string): Promise<ReadableFile | null> {
    const open = this.#open.get(pack) ?? this.#files.openRead(packFile(pack));
    this.#open.delete(pack);
    this.#open.set(pack, open);
    const oldest = this.#open.keys().next().value;
    // Closing waits for the reads under way.
    if (this.#open.size > this.#most && oldest !== undefined) await this.#close(oldest);
    return await open;
  }

  async #close(pack: string): Promise<void> {
    const open = this.#open.get(pack);
    this.#open.delete(pack);
    const file = await open?.catch(() => null);
    await file?.close();
  }
}
