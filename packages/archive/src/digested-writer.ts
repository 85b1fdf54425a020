import { createHash } from "node:crypto";
import type { ArchiveFiles, WritableFile } from "./archive-files.js";
import { BACKGROUND_SYNC_BYTES } from "./archive-limits.js";
import { DIGEST_END } from "./digest-tail.js";

/** Writes a text file that ends with its own digest (see digest-tail.ts), durably. */
export class DigestedWriter {
  readonly #file: WritableFile;
  readonly #hash = createHash("sha256");
  #bytes = 0;
  #unsynced = 0;

  private constructor(file: WritableFile) {
    this.#file = file;
  }

  /** Begins a new file. */
  static async create(files: ArchiveFiles, name: string): Promise<DigestedWriter> {
    return new DigestedWriter(await files.create(name));
  }

  /** Appends text, ASCII; bytes must stay as they are until the promise is settled. */
  async write(text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    this.#bytes += bytes.length;
    this.#unsynced += bytes.length;
    this.#hash.update(bytes);
    await this.#file.write(bytes);
  }

  /** Makes what was written durable if it is much, so that the end has less to wait for. */
  async syncIfMuch(): Promise<void> {
    if (this.#unsynced < BACKGROUND_SYNC_BYTES) return;
    this.#unsynced = 0;
    await this.#file.sync();
  }

  /** Appends the last line, of which `start` ends where the digest begins; syncs and closes. */
  async finish(start: string): Promise<{ readonly sha256: Buffer; readonly bytes: number }> {
    await this.write(start);
    const sha256 = this.#hash.digest();
    const end = Buffer.from(sha256.toString("hex") + DIGEST_END, "latin1");
    await this.#file.write(end);
    await this.#file.sync();
    await this.#file.close();
    return { sha256, bytes: this.#bytes + end.length };
  }

  /** Gives the file up; it stays for its owner to delete. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }
}

/** Writes a whole file in one go; see DigestedWriter. */
export async function writeDigested(
  files: ArchiveFiles,
  name: string,
  write: (writer: DigestedWriter) => Promise<string>,
): Promise<{ readonly sha256: Buffer; readonly bytes: number }> {
  const writer = await DigestedWriter.create(files, name);
  try {
    return await writer.finish(await write(writer));
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
