import type { GenerationEnv } from "./generation-env.js";
import { corruptPage, PageMemory } from "./lmdb-page.js";
import type { PageFile } from "./page-file.js";

/** Neighbouring pages read at once: what was written in order of key lies so in the file. */
const RUN_PAGES_MAX = 16;
/** A tree of LMDB is never deeper (CURSOR_STACK in mdb.c). */
const DEPTH_MAX = 32;
// Record of a named database: padding u32, flags u16, depth u16, four counters, root page u64.
const RECORD_BYTES = 48;
const DEPTH_AT = 6;
const ROOT_AT = 40;

/** A branch page on the way to the current leaf, and the child that was taken. */
interface Branch {
  readonly memory: PageMemory;
  /** Its number; -1 when nothing is in the memory. */
  page: number;
  nodes: number;
  child: number;
}

/**
 * Walks the leaf pages of one database in order of key, past LMDB's cursor: a call into LMDB for
 * each row costs several times what reading its page does (docs/adr/0007).
 *
 * It sees the read transaction that is current in this thread, which must stay open; call
 * `refresh` when there is another one. Pages are kept while the root page is the same: then the
 * whole tree is.
 */
export class LeafWalk {
  /** Holds the current page, from `pageAt` on. */
  readonly memory: PageMemory;
  pageAt = 0;
  /** Nodes of the current page, and the first of them that is wanted. */
  nodes = 0;
  first = 0;

  readonly #root: GenerationEnv["root"];
  readonly #file: PageFile;
  readonly #name: Buffer;
  /** From the root down; the last one is above the leaf. */
  readonly #branches: Branch[] = [];
  /** Root page of the current transaction, null when the database is empty. */
  #rootPage: number | null = null;
  #isFresh = false;
  #depth = 0;
  #rootTransaction = -1n;
  /** The pages in `memory`. */
  #runPage = 0;
  #runLength = 0;

  /**
   * @param name of the database.
   * @param roomBytes behind the pages in `memory`.
   */
  constructor(
    { root }: Pick<GenerationEnv, "root">,
    file: PageFile,
    name: string,
    roomBytes: number = 0,
  ) {
    this.#root = root;
    this.#file = file;
    // The record of a named database is kept under its name with a zero behind.
    this.#name = Buffer.from(`${name}\0`, "latin1");
    this.memory = new PageMemory(RUN_PAGES_MAX, file.pageBytes, roomBytes);
  }

  /** There is another read transaction. */
  refresh(): void {
    this.#isFresh = false;
  }

  /**
   * Goes to the first key that is not below `key`.
   * @returns whether there is one.
   * @throws ROW_CORRUPT
   */
  seek(key: Buffer): boolean {
    if (!this.#isFresh) this.#rootPage = this.#begin();
    this.#isFresh = true;
    let page = this.#rootPage;
    if (page === null) return false;
    for (let level = 0; level < this.#depth - 1; level++) {
      const branch = this.#branch(level, page);
      branch.child = lastNotAbove(branch, key);
      page = branch.memory.child(0, branch.child);
    }
    this.#leaf(page);
    this.first = this.nodesBelow(key);
    return this.first < this.nodes || this.next();
  }

  /** Goes on to the next page. @returns whether there is one. @throws ROW_CORRUPT */
  next(): boolean {
    let level = this.#depth - 2;
    while (level >= 0 && isAtEnd(this.#branches[level] as Branch)) level--;
    if (level < 0) return false;
    const fork = this.#branches[level] as Branch;
    fork.child++;
    let page = fork.memory.child(0, fork.child);
    while (++level < this.#depth - 1) {
      const branch = this.#branch(level, page);
      branch.child = 0;
      page = branch.memory.child(0, 0);
    }
    this.#leaf(page);
    this.first = 0;
    return true;
  }

  /** How many nodes of the current page have keys below `key`. @throws ROW_CORRUPT */
  nodesBelow(key: Buffer): number {
    if (this.memory.compareKey(this.pageAt, this.nodes - 1, key) < 0) return this.nodes;
    let [low, high] = [0, this.nodes - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.memory.compareKey(this.pageAt, middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Reads the database's record. @returns its root page, null when it is empty. */
  #begin(): number | null {
    const record = this.#root.get(this.#name);
    if (record?.length !== RECORD_BYTES) throw corruptPage();
    this.#depth = record.readUInt16LE(DEPTH_AT);
    if (this.#depth === 0) return null;
    if (this.#depth > DEPTH_MAX) throw corruptPage();
    const page = Number(record.readBigUInt64LE(ROOT_AT));
    if (this.#depth === 1) this.#runLength = 0;
    else this.#keepIfSame(page);
    return page;
  }

  /** Forgets all pages unless the root is still the page it was. */
  #keepIfSame(page: number): void {
    const before = this.#branches[0]?.page;
    const root = this.#readBranch(0, page);
    const transaction = root.memory.transaction(0);
    if (page === before && transaction === this.#rootTransaction) return;
    this.#rootTransaction = transaction;
    this.#runLength = 0;
    for (const branch of this.#branches.slice(1)) branch.page = -1;
  }

  /** The branch page number `page`, read when it is not in memory. */
  #branch(level: number, page: number): Branch {
    const branch = this.#branches[level];
    return branch?.page === page ? branch : this.#readBranch(level, page);
  }

  #readBranch(level: number, page: number): Branch {
    this.#branches[level] ??= {
      memory: new PageMemory(1, this.#file.pageBytes),
      page: -1,
      nodes: 0,
      child: 0,
    };
    const branch = this.#branches[level] as Branch;
    const { memory } = branch;
    branch.page = -1;
    if (this.#file.read(page, 1, memory.bytes) < this.#file.pageBytes) throw corruptPage();
    branch.nodes = memory.nodes(0, "branch");
    branch.page = page;
    return branch;
  }

  /** Makes leaf number `page` the current page; reads its neighbours that come next with it. */
  #leaf(page: number): void {
    const { pageBytes } = this.#file;
    if (page < this.#runPage || page >= this.#runPage + this.#runLength) {
      this.#runPage = page;
      this.#runLength = 0;
      const bytes = this.#file.read(page, this.#runFrom(page), this.memory.bytes);
      this.#runLength = Math.floor(bytes / pageBytes);
      if (this.#runLength === 0) throw corruptPage();
    }
    this.pageAt = (page - this.#runPage) * pageBytes;
    this.nodes = this.memory.nodes(this.pageAt, "leaf");
  }

  /** How many leaves from `page` on, which the branch above it points to, lie side by side. */
  #runFrom(page: number): number {
    const above = this.#branches[this.#depth - 2];
    if (above === undefined) return 1;
    const most = Math.min(RUN_PAGES_MAX, above.nodes - above.child);
    let length = 1;
    while (length < most && above.memory.child(0, above.child + length) === page + length) length++;
    return length;
  }
}

/** The last node whose key is not above `key`; the first one's is below all. */
function lastNotAbove({ memory, nodes }: Branch, key: Buffer): number {
  let [low, high] = [1, nodes];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (memory.compareKey(0, middle, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function isAtEnd({ child, nodes }: Branch): boolean {
  return child === nodes - 1;
}
