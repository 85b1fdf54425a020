import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { PAGE_HEAD_BYTES } from "./lmdb-page.js";

// The first two pages of an environment are meta pages. Behind its head each has: magic u32, data
// version u32, address u64, size of the map u64, then the record of a database, which begins with
// the size of a page.
const META_PAGES = 2;
const FLAGS_AT = 18;
const FLAG_META = 0x08;
const MAGIC_AT = PAGE_HEAD_BYTES;
const DATA_VERSION_AT = PAGE_HEAD_BYTES + 4;
const PAGE_BYTES_AT = PAGE_HEAD_BYTES + 24;
const META_BYTES = PAGE_HEAD_BYTES + 28;
const MAGIC = 0xbeef_c0de;
const DATA_VERSION = 2;
/** What LMDB takes as the size of a page, a power of two. */
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;

/** LMDB's file in the folder of an environment. */
export const DATA_FILE = "data.mdb";

/** Whether LMDB would make a new environment in this folder. @throws Error of the system */
export function hasNoData(folder: string): boolean {
  const found = statSync(join(folder, DATA_FILE), { throwIfNoEntry: false });
  return found === undefined || found.size === 0;
}

/**
 * Checks the head of the data file of an environment that was there before.
 * @throws ROW_CORRUPT, also when there is none; Error of the system.
 */
export function checkDataFile(folder: string): void {
  const file = join(folder, DATA_FILE);
  if (hasNoData(folder)) throw damaged(`${file} is missing or empty`);
  const descriptor = openSync(file, "r");
  try {
    readDataFileHead(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Checks the head of an environment's data file: at a damaged one LMDB's process ends by a signal,
 * an empty one becomes a new environment, and where only the page of the last commit is damaged,
 * the store is served as it was before.
 * @returns bytes of a page.
 * @throws ROW_CORRUPT unless pages are laid out as lmdb-page.ts has them.
 */
export function readDataFileHead(descriptor: number): number {
  const meta = Buffer.alloc(META_BYTES);
  let pageBytes = 0;
  for (let page = 0; page < META_PAGES; page++) {
    const bytes = readSync(descriptor, meta, 0, META_BYTES, page * pageBytes);
    const isMeta =
      bytes === META_BYTES &&
      (meta.readUInt16LE(FLAGS_AT) & FLAG_META) !== 0 &&
      meta.readUInt32LE(MAGIC_AT) === MAGIC &&
      meta.readUInt32LE(DATA_VERSION_AT) === DATA_VERSION;
    const said = meta.readUInt32LE(PAGE_BYTES_AT);
    if (!isMeta || !isPageBytes(said) || (page > 0 && said !== pageBytes)) {
      throw damaged("the head of an LMDB environment is damaged");
    }
    pageBytes = said;
  }
  return pageBytes;
}

function isPageBytes(bytes: number): boolean {
  return bytes >= PAGE_BYTES_MIN && bytes <= PAGE_BYTES_MAX && (bytes & (bytes - 1)) === 0;
}

function damaged(what: string): HoldfastError {
  return new HoldfastError("ROW_CORRUPT", `The store is damaged: ${what}.`);
}
