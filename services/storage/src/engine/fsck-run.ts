import type { Findings } from "./fsck-finding.js";
import type { LmdbStoreReader } from "./lmdb-store-reader.js";
import { readablePages } from "./page-damage.js";

/** One check of a generation: what it reads with, and what it found. */
export class FsckRun {
  readonly reader: LmdbStoreReader;
  readonly findings: Findings;

  constructor(reader: LmdbStoreReader, findings: Findings) {
    this.reader = reader;
    this.findings = findings;
  }

  /**
   * Does a part of the check, in which no range may be open. What it throws is a finding, and the
   * next part reads in another transaction: LMDB gives nothing more in one that met a damaged page.
   * @param where the database, unless a part of the part says that it is another.
   * @returns null when it could not be done to its end.
   */
  attempt<T>(where: string, what: string, work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      const isCutOff = error instanceof Unreadable;
      const rest = isCutOff ? "; the rest of it is not checked" : "";
      this.findings.add(isCutOff ? error.where : where, `${what}: ${messageOf(error)}${rest}`);
      this.reader.refresh();
      return null;
    }
  }
}

/** A database could not be read on. */
class Unreadable extends Error {
  readonly where: string;

  constructor(where: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.where = where;
  }
}

/** Reads one value of the database `where`, which is named when that fails. */
export function readOf<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Unreadable(where, error);
  }
}

/** The same for all that a range gives. */
export function* rangeOf<T>(where: string, range: Iterable<T>): Generator<T, void, undefined> {
  try {
    yield* readablePages(range);
  } catch (error) {
    throw new Unreadable(where, error);
  }
}

/** The message of what was thrown; not that one should do what is being done. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\.? Run fsck\.$/, "");
}
