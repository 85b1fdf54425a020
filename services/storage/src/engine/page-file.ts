import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { PAGE_HEAD_BYTES } from "./lmdb-page.js";

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
    const meta = Buffer.alloc(META_BYTES);
    readSync(this.#file, meta, 0, META_BYTES, 0);
    if (
      meta.readUInt32LE(MAGIC_AT) !== MAGIC ||
      meta.readUInt32LE(DATA_VERSION_AT) !== DATA_VERSION
    ) {
      this.close();
      throw new Error(`${folder} holds no LMDB environment of data version ${DATA_VERSION}`);
    }
    this.pageBytes = meta.readUInt32LE(PAGE_BYTES_AT);
  }

  /** Reads `count` pages, the first of them number `page`, to `target`. @returns bytes read. */
  read(page: number, count: number, target: Uint8Array): number {
    return readSync(this.#file, target, 0, count * this.pageBytes, page * this.pageBytes);
  }

  /** Reads a value that begins on a page of its own to `at` in `target`. @returns bytes read. */
  readValue(page: number, length: number, target: Uint8Array, at: number): number {
    const from = page * this.pageBytes + PAGE_HEAD_BYTES;
    return readSync(this.#file, target, at, length, from);
  }

  close(): void {
    closeSync(this.#file);
  }
}
