import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { DATA_FILE, readDataFileHead } from "./data-file-head.js";
import { corruptPage, PAGE_HEAD_BYTES } from "./lmdb-page.js";

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
   * @throws ROW_CORRUPT when its pages are not laid out as lmdb-page.ts has them.
   */
  constructor(folder: string) {
    this.#file = openSync(join(folder, DATA_FILE), "r");
    try {
      this.pageBytes = readDataFileHead(this.#file);
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
