import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { corruptPage, PAGE_HEAD_BYTES } from "./lmdb-page.js";

// A meta page, behind its head: magic u32, data version u32, address u64, size of the map u64,
// then the record of a database, which begins with the size of a page.
const MAGIC_AT = PAGE_HEAD_BYTES;
const DATA_VERSION_AT = PAGE_HEAD_BYTES + 4;
const PAGE_BYTES_AT = PAGE_HEAD_BYTES + 24;
const META_BYTES = PAGE_HEAD_BYTES + 28;
const MAGIC = 0xbeef_c0de;
const DATA_VERSION = 2;

/**
 * The data file of an environment, read past LMDB. Within a read transaction the pages that its
 * roots lead to do not change: LMDB never writes in place, and reuses no page that a reader may
 * still see.
 */
export class PageFile {
  readonly pageBytes: number;
  readonly #file: number;

  /**
   * @param folder of the environment.
   * @throws Error when its pages are not laid out as lmdb-page.ts has them.
   */
  constructor(folder: string) {
    this.#file = openSync(join(folder, "data.mdb"), "r");
    try {
      const meta = Buffer.alloc(META_BYTES);
      readSync(this.#file, meta, 0, META_BYTES, 0);
      const isKnown =
        meta.readUInt32LE(MAGIC_AT) === MAGIC &&
        meta.readUInt32LE(DATA_VERSION_AT) === DATA_VERSION;
      if (!isKnown) {
        throw new Error(`${folder} holds no LMDB environment of data version ${DATA_VERSION}`);
      }
      this.pageBytes = meta.readUInt32LE(PAGE_BYTES_AT);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Reads `count` pages, the first of them number `page`, to `target`.
   * @returns bytes read.
   * @throws ROW_CORRUPT when there can be no such page.
   */
  read(page: number, count: number, target: Uint8Array): number {
    return this.#readAt(page * this.pageBytes, count * this.pageBytes, target, 0);
  }

  /** Reads a value that begins on a page of its own to `at` in `target`; like `read`. */
  readValue(page: number, length: number, target: Uint8Array, at: number): number {
    return this.#readAt(page * this.pageBytes + PAGE_HEAD_BYTES, length, target, at);
  }

  #readAt(position: number, length: number, target: Uint8Array, at: number): number {
    if (!Number.isSafeInteger(position)) throw corruptPage();
    return readSync(this.#file, target, at, length, position);
  }

  close(): void {
    closeSync(this.#file);
  }
}
