// A disk in memory that knows what a power cut leaves: bytes of a file that were synced, and names
// of a folder that were synced. Everything else may or may not be there afterwards.
import { ArchiveError } from "../archive-error.js";
import type {
  ArchiveFiles,
  FileLock,
  ListedEntry,
  LockOptions,
  ReadableFile,
  WritableFile,
} from "../archive-files.js";

interface File {
  bytes: Buffer;
  syncedBytes: Buffer;
}

/** A name's target: a file, or a folder. */
type Target = File | "folder";
type Names = Map<string, Target>;

export class SimulatedDisk implements ArchiveFiles {
  /** As every process sees it. The archive's folder itself is always there, and durable. */
  #names: Names = new Map();
  #syncedNames: Names = new Map();
  readonly #locked = new Set<Target>();
  #unlockWaiters: (() => void)[] = [];
  #waitWatchers: (() => void)[] = [];

  /** Operations of a disk take their time, so that others come in between. */
  #turn: () => Promise<void> = () => new Promise((resolve) => setImmediate(resolve));

  /** A disk whose operations take no time, for tests with one process and many rounds. */
  static immediate(): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.#turn = () => Promise.resolve();
    return disk;
  }

  /** Settles as soon as somebody waits for a lock. */
  lockWaiter(): Promise<void> {
    if (this.#unlockWaiters.length > 0) return Promise.resolve();
    return new Promise((resolve) => this.#waitWatchers.push(resolve));
  }

  /**
   * The disk after a power cut. `survives` decides for each name and each file whose newest state
   * was not synced whether that state survived; locks are gone.
   */
  afterPowerCut(survives: () => boolean): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.#turn = this.#turn;
    const after: Names = new Map();
    const copies = new Map<Target, Target>();
    const all = new Set([...this.#names.keys(), ...this.#syncedNames.keys()]);
    for (const name of [...all].sort()) {
      const [now, synced] = [this.#names.get(name), this.#syncedNames.get(name)];
      const target = now === synced || survives() ? now : synced;
      const folder = parentOf(name);
      if (target === undefined || (folder !== "" && after.get(folder) !== "folder")) continue;
      const copy = copies.get(target) ?? copyAfterCut(target, survives);
      copies.set(target, copy);
      after.set(name, copy);
    }
    disk.#names = after;
    disk.#syncedNames = new Map(after);
    return disk;
  }

  /** The disk as it is, all of it durable: after a process was killed. */
  afterKill(): SimulatedDisk {
    return this.afterPowerCut(() => true);
  }

  /** All files, for tests that damage them. */
  fileNames(): string[] {
    return [...this.#names].flatMap(([name, target]) => (target === "folder" ? [] : [name])).sort();
  }

  /** The bytes of a file, not a copy. */
  bytesOf(name: string): Buffer {
    return this.#file(name).bytes;
  }

  /** Replaces the bytes of a file. */
  setBytes(name: string, bytes: Buffer): void {
    this.#file(name).bytes = bytes;
  }

  async list(folder: string): Promise<ListedEntry[] | null> {
    await this.#turn();
    if (folder !== "" && this.#names.get(folder) !== "folder") return null;
    return [...this.#names]
      .filter(([name]) => parentOf(name) === folder)
      .map(([name, target]) => ({
        name: folder === "" ? name : name.slice(folder.length + 1),
        folder: target === "folder",
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async fileBytes(name: string): Promise<number | null> {
    await this.#turn();
    const target = this.#names.get(name);
    return target === undefined || target === "folder" ? null : target.bytes.length;
  }

  async openRead(name: string): Promise<ReadableFile | null> {
    await this.#turn();
    const target = this.#names.get(name);
    if (target === undefined || target === "folder") return null;
    return {
      bytes: target.bytes.length,
      read: async (offset, length) => {
        await this.#turn();
        return Buffer.from(target.bytes.subarray(offset, offset + length));
      },
      close: () => this.#turn(),
    };
  }

  async create(name: string): Promise<WritableFile> {
    await this.#turn();
    if (this.#names.has(name)) throw refused(name, "EEXIST");
    this.#requireFolder(name);
    const file: File = { bytes: Buffer.alloc(0), syncedBytes: Buffer.alloc(0) };
    this.#names.set(name, file);
    return {
      write: async (bytes) => {
        await this.#turn();
        file.bytes = Buffer.concat([file.bytes, bytes]);
      },
      sync: async () => {
        await this.#turn();
        file.syncedBytes = file.bytes;
      },
      close: () => this.#turn(),
    };
  }

  async makeFolder(name: string): Promise<boolean> {
    await this.#turn();
    if (name === "" || this.#names.has(name)) return false;
    const parent = parentOf(name);
    if (parent !== "") await this.makeFolder(parent);
    this.#names.set(name, "folder");
    return true;
  }

  async link(from: string, to: string): Promise<boolean> {
    await this.#turn();
    const file = this.#file(from);
    this.#requireFolder(to);
    if (this.#names.has(to)) return false;
    this.#names.set(to, file);
    return true;
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#turn();
    const file = this.#file(from);
    this.#requireFolder(to);
    this.#names.delete(from);
    this.#names.set(to, file);
  }

  async remove(name: string): Promise<void> {
    await this.#turn();
    if (this.#names.get(name) === "folder") throw refused(name, "EISDIR");
    this.#names.delete(name);
  }

  async removeFolder(name: string): Promise<boolean> {
    await this.#turn();
    if ([...this.#names.keys()].some((other) => parentOf(other) === name)) return false;
    return this.#names.delete(name);
  }

  async syncFolder(name: string): Promise<void> {
    await this.#turn();
    if (name !== "" && this.#names.get(name) !== "folder") throw refused(name, "ENOENT");
    for (const names of [this.#syncedNames, this.#names]) {
      for (const below of [...names.keys()].filter((other) => parentOf(other) === name)) {
        const now = this.#names.get(below);
        if (now === undefined) this.#syncedNames.delete(below);
        else this.#syncedNames.set(below, now);
      }
    }
  }

  async lock(name: string, options: LockOptions = {}): Promise<FileLock | null> {
    await this.#turn();
    const file = this.#names.get(name);
    if (file === undefined) return null;
    while (this.#locked.has(file)) {
      // Time does not pass here: a waiter for a second gives up at once, one for longer never.
      if ((options.waitSeconds ?? 0) <= 1) return null;
      await new Promise<void>((resolve) => {
        this.#unlockWaiters.push(resolve);
        for (const watcher of this.#waitWatchers.splice(0)) watcher();
      });
    }
    if (this.#names.get(name) !== file) return null;
    this.#locked.add(file);
    return {
      release: async () => {
        await this.#turn();
        this.#locked.delete(file);
        for (const waiter of this.#unlockWaiters.splice(0)) waiter();
      },
    };
  }

  #file(name: string): File {
    const target = this.#names.get(name);
    if (target === undefined || target === "folder") throw refused(name, "ENOENT");
    return target;
  }

  #requireFolder(name: string): void {
    const folder = parentOf(name);
    if (folder !== "" && this.#names.get(folder) !== "folder") throw refused(name, "ENOENT");
  }
}

function copyAfterCut(target: Target, survives: () => boolean): Target {
  if (target === "folder") return target;
  const bytes =
    target.bytes === target.syncedBytes || survives() ? target.bytes : target.syncedBytes;
  return { bytes: Buffer.from(bytes), syncedBytes: Buffer.from(bytes) };
}

function parentOf(name: string): string {
  const slash = name.lastIndexOf("/");
  return slash < 0 ? "" : name.slice(0, slash);
}

function refused(name: string, code: string): ArchiveError {
  return new ArchiveError("ARCHIVE_IO", `${name}: ${code}`, { file: name, system_code: code });
}
