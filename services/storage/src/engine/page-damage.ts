import { corruptPage } from "./lmdb-page.js";

/**
 * What LMDB answers (lmdb.h) when its pages lead to one that is not there, or is of another kind, and
 * to whoever goes on in the same read transaction; lmdb itself does, in a range that goes backwards.
 */
const CODES: ReadonlySet<unknown> = new Set([-30_797, -30_796, -30_782]);

/**
 * ROW_CORRUPT for an error with which LMDB says that a page is damaged, any other as it is. The
 * read transaction in which it was met is good for nothing more.
 */
export function pageDamage(error: unknown): unknown {
  const isDamage = error instanceof Error && "code" in error && CODES.has(error.code);
  return isDamage ? corruptPage(error) : error;
}

/**
 * The same for all that a range gives. A range that fails is ended: its cursor would keep the read
 * transaction, and lmdb go on with that one, which fails every read, until somebody commits.
 */
export function* readablePages<T>(range: Iterable<T>): Generator<T, void, undefined> {
  const entries = range[Symbol.iterator]();
  try {
    for (let next = entries.next(); next.done !== true; next = entries.next()) yield next.value;
  } catch (error) {
    throw pageDamage(error);
  } finally {
    entries.return?.();
  }
}
