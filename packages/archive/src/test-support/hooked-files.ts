// An archive's files with a hook before every operation: for faults, kills and interleavings.
import type {
  ArchiveFiles,
  FileLock,
  ListedEntry,
  LockOptions,
  ReadableFile,
  WritableFile,
} from "../archive-files.js";

/** Called before each operation with its verb and the file; may throw in its place. */
export type Hook = (operation: string, name: string) => void | Promise<void>;

export class HookedFiles implements ArchiveFiles {
  readonly #files: ArchiveFiles;
  readonly #hook: Hook;

  constructor(files: ArchiveFiles, hook: Hook) {
    this.#files = files;
    this.#hook = hook;
  }

  async list(folder: string): Promise<ListedEntry[] | null> {
    await this.#hook("list", folder);
    return await this.#files.list(folder);
  }

  async fileBytes(name: string): Promise<number | null> {
    await this.#hook("stat", name);
    return await this.#files.fileBytes(name);
  }

  async openRead(name: string): Promise<ReadableFile | null> {
    await this.#hook("open", name);
    const file = await this.#files.openRead(name);
    if (file === null) return null;
    return {
      bytes: file.bytes,
      read: async (offset, length) => {
        await this.#hook("read", name);
        return await file.read(offset, length);
      },
      close: () => file.close(),
    };
  }

  async create(name: string): Promise<WritableFile> {
    await this.#hook("create", name);
    const file = await this.#files.create(name);
    return {
      write: async (bytes) => {
        await this.#hook("write", name);
        await file.write(bytes);
      },
      sync: async () => {
        await this.#hook("sync", name);
        await file.sync();
      },
      close: () => file.close(),
    };
  }

  async makeFolder(name: string): Promise<boolean> {
    await this.#hook("make", name);
    return await this.#files.makeFolder(name);
  }

  async link(from: string, to: string): Promise<boolean> {
    await this.#hook("link", to);
    return await this.#files.link(from, to);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#hook("rename", to);
    await this.#files.rename(from, to);
  }

  async remove(name: string): Promise<void> {
    await this.#hook("remove", name);
    await this.#files.remove(name);
  }

  async removeFolder(name: string): Promise<boolean> {
    await this.#hook("remove", name);
    return await this.#files.removeFolder(name);
  }

  async syncFolder(name: string): Promise<void> {
    await this.#hook("sync", name);
    await this.#files.syncFolder(name);
  }

  async lock(name: string, options?: LockOptions): Promise<FileLock | null> {
    await this.#hook("lock", name);
    return await this.#files.lock(name, options);
  }
}
