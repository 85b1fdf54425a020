import { createHash } from "node:crypto";
import type { ArchiveFiles, WritableFile } from "./archive-files.js";
import { BACKGROUND_SYNC_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFERS_MAX } from "./archive-limits.js";
import { GrowingBytes } from "./growing-bytes.js";
import {
  encodeFooterStart,
  INDEX_ENTRY_BYTES,
  PACK_MAGIC,
  RECORD_HEADER_BYTES,
  type RecordHeader,
  writeIndexEntry,
} from "./pack-format.js";

/**
 * Writes a pack: bodies are copied into large buffers, which are hashed and written while the next
 * one fills, and synced in the background, so that closing waits for little. An error of the disk
 * is thrown by the next call.
 */
export class PackWriter {
  readonly #file: WritableFile;
  readonly #hash = createHash("sha256");
  /** Entries of the index, in order. */
  readonly #index = new GrowingBytes();
  readonly #free: Buffer[] = [];
  #buffers = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;
  #bytes = 0;
  /** Settles when all writes handed over so far are done; never rejects. */
  #writes: Promise<void> = Promise.resolve();
  #sync: Promise<void> = Promise.resolve();
  #syncing = false;
  #unsynced = 0;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;

  private constructor(file: WritableFile) {
    this.#file = file;
  }

  /** Begins a pack in a new file. */
  static async create(files: ArchiveFiles, name: string): Promise<PackWriter> {
    const writer = new PackWriter(await files.create(name));
    await writer.#append(PACK_MAGIC);
    return writer;
  }

  /** Length so far: where the next record begins. */
  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#index.length / INDEX_ENTRY_BYTES;
  }

  /**
   * Adds a record. Null when it was copied at once, as nearly all are; else the body may be reused
   * once the promise is settled.
   */
  add(header: RecordHeader, body: Uint8Array): Promise<void> | null {
    this.#throwFailure();
    const at = this.#index.append(INDEX_ENTRY_BYTES);
    const { buffer } = this.#index;
    writeIndexEntry(buffer, at, this.#bytes, header);
    const end = at + INDEX_ENTRY_BYTES;
    const encoded = buffer.subarray(end - RECORD_HEADER_BYTES, end);
    if (this.#buffer.length - this.#used < encoded.length + body.length) {
      return this.#addInParts(encoded, body);
    }
    this.#copy(encoded);
    this.#copy(body);
    return null;
  }

  /** Writes index and footer, makes all of it durable and closes the file. Answers the pack id. */
  async finish(): Promise<string> {
    const indexOffset = this.#bytes;
    await this.#append(this.#index.bytes);
    await this.#append(encodeFooterStart(indexOffset, this.records));
    await this.#flush();
    const sha256 = this.#hash.digest();
    await this.#writes;
    this.#throwFailure();
    await this.#file.write(sha256);
    await this.#sync;
    this.#throwFailure();
    await this.#file.sync();
    await this.#file.close();
    return sha256.toString("hex");
  }

  /** Gives the pack up; the file stays for its owner to delete. */
  async abandon(): Promise<void> {
    await this.#writes;
    await this.#sync;
    await this.#file.close();
  }

  async #addInParts(encoded: Uint8Array, body: Uint8Array): Promise<void> {
    await this.#append(encoded);
    await this.#append(body);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#throwFailure();
    for (let done = 0; done < bytes.length; ) {
      if (this.#used === this.#buffer.length) await this.#flush();
      const part = Math.min(bytes.length - done, this.#buffer.length - this.#used);
      this.#copy(bytes.subarray(done, done + part));
      done += part;
    }
  }

  /** Copies bytes that fit into the buffer. */
  #copy(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#bytes += bytes.length;
  }

  /** Hands the buffer to the disk and takes another, waiting for one if all are on their way. */
  async #flush(): Promise<void> {
    if (this.#used > 0) {
      const full = this.#buffer;
      const filled = full.subarray(0, this.#used);
      this.#hash.update(filled);
      this.#writes = this.#writes.then(() => this.#write(full, filled));
    }
    this.#used = 0;
    while (this.#free.length === 0 && this.#buffers >= WRITE_BUFFERS_MAX) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#throwFailure();
    const free = this.#free.pop();
    if (free === undefined) this.#buffers++;
    this.#buffer = free ?? Buffer.allocUnsafeSlow(WRITE_BUFFER_BYTES);
  }

  async #write(buffer: Buffer, filled: Buffer): Promise<void> {
    try {
      if (this.#failure === null) await this.#file.write(filled);
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#free.push(buffer);
    this.#wake();
    this.#unsynced += filled.length;
    if (this.#unsynced >= BACKGROUND_SYNC_BYTES && !this.#syncing && this.#failure === null) {
      this.#unsynced = 0;
      this.#sync = this.#syncInBackground();
    }
  }

  async #syncInBackground(): Promise<void> {
    this.#syncing = true;
    try {
      await this.#file.sync();
    } catch (error) {
      // Later syncs may succeed although these bytes were lost, so that the pack is lost too.
      this.#failure ??= { error };
    }
    this.#syncing = false;
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
