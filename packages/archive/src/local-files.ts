import { type FileHandle, link, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { makeFolders } from "@holdfast/core";
import { ArchiveError } from "./archive-error.js";
import type {
  ArchiveFiles,
  FileLock,
  ListedEntry,
  LockOptions,
  ReadableFile,
  WritableFile,
} from "./archive-files.js";
import { lockOpenFile } from "./kernel-lock.js";

/** An archive's files in a local folder. */
export class LocalFiles implements ArchiveFiles {
  readonly #root: string;

  /** `root`: the archive's folder, absolute. */
  constructor(root: string) {
    this.#root = root;
  }

  async list(folder: string): Promise<ListedEntry[] | null> {
    const entries = await this.#unlessMissing(folder, "list", (path) =>
      readdir(path, { withFileTypes: true }),
    );
    if (entries === null) return null;
    return entries
      .map((entry) => ({ name: entry.name, folder: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async fileBytes(name: string): Promise<number | null> {
    const found = await this.#unlessMissing(name, "stat", (path) => stat(path));
    return found?.isFile() === true ? found.size : null;
  }

  async openRead(name: string): Promise<ReadableFile | null> {
    const handle = await this.#unlessMissing(name, "open", (path) => open(path, "r"));
    if (handle === null) return null;
    try {
      return new LocalReadableFile(name, handle, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw systemFailure(name, "stat", error);
    }
  }

  async create(name: string): Promise<WritableFile> {
    return new LocalWritableFile(name, await this.#run(name, "create", (path) => open(path, "wx")));
  }

  async makeFolder(name: string): Promise<boolean> {
    const made = await this.#run(name, "make", makeFolders);
    // The folders above the archive's are nobody else's to make durable.
    for (let folder = this.#root; name === "" && made !== null && folder !== dirname(made); ) {
      folder = dirname(folder);
      await this.syncFolder(relative(this.#root, folder));
    }
    return made !== null;
  }

  async link(from: string, to: string): Promise<boolean> {
    try {
      await link(join(this.#root, from), join(this.#root, to));
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw systemFailure(to, "link", error);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#run(to, "rename", (path) => rename(join(this.#root, from), path));
  }

  async remove(name: string): Promise<void> {
    await this.#run(name, "remove", (path) => rm(path, { force: true }));
  }

  async removeFolder(name: string): Promise<boolean> {
    try {
      await rmdir(join(this.#root, name));
      return true;
    } catch (error) {
      if (["ENOENT", "ENOTEMPTY", "EEXIST"].includes(codeOf(error))) return false;
      throw systemFailure(name, "remove", error);
    }
  }

  async syncFolder(name: string): Promise<void> {
    await this.#run(name, "sync", async (path) => {
      const handle = await open(path, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  async lock(name: string, options: LockOptions = {}): Promise<FileLock | null> {
    const handle = await this.#unlessMissing(name, "open", (path) => open(path, "r+"));
    if (handle === null) return null;
    try {
      const locked = await lockOpenFile(handle.fd, options.waitSeconds ?? 0);
      // Its last holder may have removed the file between our open and our lock.
      if (locked && (await this.#isStill(name, handle))) return { release: () => handle.close() };
      await handle.close();
      return null;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #isStill(name: string, handle: FileHandle): Promise<boolean> {
    const named = await this.#unlessMissing(name, "stat", (path) => stat(path));
    const held = await handle.stat();
    return named !== null && named.ino === held.ino && named.dev === held.dev;
  }

  async #run<T>(name: string, verb: string, work: (path: string) => Promise<T>): Promise<T> {
    try {
      return await work(join(this.#root, name));
    } catch (error) {
      throw systemFailure(name, verb, error);
    }
  }

  async #unlessMissing<T>(
    name: string,
    verb: string,
    work: (path: string) => Promise<T>,
  ): Promise<T | null> {
    try {
      return await work(join(this.#root, name));
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(codeOf(error))) return null;
      throw systemFailure(name, verb, error);
    }
  }
}

class LocalReadableFile implements ReadableFile {
  readonly bytes: number;
  readonly #name: string;
  readonly #handle: FileHandle;

  constructor(name: string, handle: FileHandle, bytes: number) {
    this.#name = name;
    this.#handle = handle;
    this.bytes = bytes;
  }

  async read(offset: number, length: number, into?: Buffer): Promise<Buffer> {
    const buffer = into ?? Buffer.allocUnsafeSlow(length);
    let filled = 0;
    try {
      while (filled < length) {
        const { bytesRead } = await this.#handle.read(
          buffer,
          filled,
          length - filled,
          offset + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw systemFailure(this.#name, "read", error);
    }
    return filled === buffer.length ? buffer : buffer.subarray(0, filled);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

class LocalWritableFile implements WritableFile {
  readonly #name: string;
  readonly #handle: FileHandle;

  constructor(name: string, handle: FileHandle) {
    this.#name = name;
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      let written = 0;
      while (written < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, written);
        written += bytesWritten;
      }
    } catch (error) {
      throw systemFailure(this.#name, "write", error);
    }
  }

  async sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw systemFailure(this.#name, "sync", error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#handle.close();
    } catch (error) {
      throw systemFailure(this.#name, "close", error);
    }
  }
}

/** An operating system's refusal as an ArchiveError; one is left as it is. */
function systemFailure(name: string, verb: string, error: unknown): ArchiveError {
  if (error instanceof ArchiveError) return error;
  const code = codeOf(error);
  const metadata = { file: name, system_code: code };
  const what = name === "" ? "the folder of the archive" : name;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const message = `Cannot ${verb} ${what}: the disk is full; make room and run it again.`;
    return new ArchiveError("ARCHIVE_DISK_FULL", message, metadata, error);
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new ArchiveError("ARCHIVE_IO", `Cannot ${verb} ${what}: ${reason}.`, metadata, error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
