// The port to where an archive lives. Names are relative to the archive's folder, with `/`; every
// failure of the operating system comes as an ArchiveError that names the file.

/** A file or folder in a listing. */
export interface ListedEntry {
  readonly name: string;
  readonly folder: boolean;
}

/** A file open for reading at any place. */
export interface ReadableFile {
  /** Length when it was opened, bytes. */
  readonly bytes: number;
  /**
   * `length` bytes from `offset` on; shorter only where the file ends.
   * @param into of at least this length: what is filled. @default a private buffer
   */
  read(offset: number, length: number, into?: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** A new file that is written from its beginning to its end. */
export interface WritableFile {
  /** Appends; the bytes must stay as they are until the promise is settled. One at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A lock that the kernel drops when its process ends, however it ends. */
export interface FileLock {
  release(): Promise<void>;
}

/** How to take a lock. */
export interface LockOptions {
  /** Longest wait for another holder, seconds. @default 0 */
  readonly waitSeconds?: number;
}

/** What the archive asks of a folder. */
export interface ArchiveFiles {
  /** What a folder holds, sorted by name; null when there is no such folder. */
  list(folder: string): Promise<ListedEntry[] | null>;
  /** Length of a file, bytes; null when there is no such file. */
  fileBytes(name: string): Promise<number | null>;
  /** Opens for reading; null when there is no such file. */
  openRead(name: string): Promise<ReadableFile | null>;
  /** Makes a file; fails when the name is taken. */
  create(name: string): Promise<WritableFile>;
  /** Makes a folder and those above it; false when it was there. */
  makeFolder(name: string): Promise<boolean>;
  /** A second name for a file; false when the name is taken, which is left as it is. */
  link(from: string, to: string): Promise<boolean>;
  /** Another name for a file, replacing what had it. */
  rename(from: string, to: string): Promise<void>;
  /** Deletes a file; nothing when there is none. */
  remove(name: string): Promise<void>;
  /** Deletes an empty folder; false when there is none, or it holds something. */
  removeFolder(name: string): Promise<boolean>;
  /** Makes the names in a folder durable. */
  syncFolder(name: string): Promise<void>;
  /** Locks a file that exists; null when another holds it, or the file is gone. */
  lock(name: string, options?: LockOptions): Promise<FileLock | null>;
}
